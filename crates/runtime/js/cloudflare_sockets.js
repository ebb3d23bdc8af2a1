// The module "cloudflare:sockets" (https://developers.cloudflare.com/workers/runtime-apis/tcp-sockets/): not there yet.

export function connect(address) {
  const { hostname, port } = Object(address);
  const where = hostname === undefined ? String(address) : `${hostname}:${port}`;
  throw new Error(`connect() is not supported yet: nothing is connected to ${where}; fetch() speaks HTTP`);
}
