/**
 * Loaded into a server before anything else (`NODE_OPTIONS=--import`): writes a line to standard error for every host that the
 * process connects to, sends to or looks up.
 */
import dgram from 'node:dgram';
import dns from 'node:dns';
import net from 'node:net';

const tell = (host) => process.stderr.write(`outgoing to ${host}\n`);

const { connect } = net.Socket.prototype;
net.Socket.prototype.connect = function told(...given) {
  // Node hands on what it has put in order as one list.
  const [first, second] = Array.isArray(given[0]) ? given[0] : given;
  const isOptions = typeof first === 'object' && first !== null;
  if (!(isOptions && first.path))
    tell((isOptions ? first.host : typeof second === 'string' ? second : null) ?? 'localhost');
  return connect.apply(this, given);
};

const { lookup } = dns;
dns.lookup = function told(name, ...rest) {
  tell(name);
  return lookup.call(this, name, ...rest);
};

const { send } = dgram.Socket.prototype;
dgram.Socket.prototype.send = function told(...given) {
  tell(given.findLast((argument) => typeof argument === 'string') ?? 'a datagram');
  return send.apply(this, given);
};
