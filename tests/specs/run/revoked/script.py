import js
from pyodide.ffi import JsProxy

throwing = js.eval("new Proxy({}, { getPrototypeOf(target) { throw new Error('asked') } })")
print(isinstance(throwing, JsProxy))
revoked = js.eval("(() => { const { proxy, revoke } = Proxy.revocable({}, {}); revoke(); return proxy })()")
print(isinstance(revoked, JsProxy))
