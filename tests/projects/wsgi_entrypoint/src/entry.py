"""A WSGI application (PEP 3333) behind the entrypoint of Cloudflare's SDK."""

from workers import wsgi


def application(environ, start_response):
    match environ["REQUEST_METHOD"], environ["PATH_INFO"]:
        case "GET", "/parts":
            start_response("200 OK", [("content-type", "text/plain")])
            return (f"{number} ".encode() for number in range(3))
        case "POST", "/length":
            start_response("201 Created", [("content-type", "text/plain")])
            return [str(len(environ["wsgi.input"].read())).encode()]
        case "GET", "/environ":
            names = ("QUERY_STRING", "HTTP_X_TEST", "SCRIPT_NAME", "wsgi.url_scheme")
            start_response("200 OK", [("content-type", "text/plain")])
            return [f"{[environ.get(name) for name in names]} {environ['workers.env'].NAME}".encode()]
        case "GET", "/raises":
            raise ValueError("oops")
        case _:
            start_response("404 Not Found", [("content-type", "text/plain")])
            return [environ["PATH_INFO"].encode("latin-1")]


Default = wsgi.entrypoint(application)
