const settings = {};

function read() {
  return settings.server.port;
}

export const port = read();
