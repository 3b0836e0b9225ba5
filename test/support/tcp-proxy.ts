/** A network that can fail: a TCP proxy within the test's process that cuts, freezes or swallows what passes through it. */
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** Where a proxy leads to. */
export interface ProxyTarget {
  readonly host: string;
  readonly port: number;
}

/**
 * What happens to bytes. `frozen`: they wait, as in a network that stalls. `swallowed`: they are lost without a sign, as
 * behind a firewall that forgot the connection.
 */
type Mode = 'passing' | 'frozen' | 'swallowed';

export class TcpProxy {
  readonly host = '127.0.0.1';
  readonly port: number;
  readonly #server: Server;
  readonly #target: ProxyTarget;
  readonly #wires = new Set<Wire>();
  #mode: Mode = 'passing';

  private constructor(server: Server, port: number, target: ProxyTarget) {
    this.#server = server;
    this.port = port;
    this.#target = target;
    server.on('connection', (client) => {
      const wire = new Wire(client, this.#target, this.#mode, () => this.#wires.delete(wire));
      this.#wires.add(wire);
    });
  }

  /** Listens on a free port of the loopback host. End it with `stop`. */
  static async start(target: ProxyTarget): Promise<TcpProxy> {
    const server = createServer({ allowHalfOpen: true, noDelay: true });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('the proxy has no port');
    return new TcpProxy(server, address.port, target);
  }

  /** Connections that clients hold, those that hang among them. */
  get connections(): number {
    return [...this.#wires].filter((wire) => wire.held).length;
  }

  /** The address with this proxy in place of its host and port. */
  url(direct: string): string {
    const url = new URL(direct);
    url.hostname = this.host;
    url.port = String(this.port);
    return url.href;
  }

  /** Destroys every connection at both ends; new ones are treated as before. */
  cut(): void {
    for (const wire of [...this.#wires]) wire.cut();
  }

  /** Bytes wait from here on, of new connections too; nothing is closed and nothing is lost. */
  freeze(): void {
    this.#set('frozen');
  }

  /** Ends `freeze`: what waited goes on its way. */
  thaw(): void {
    this.pass();
  }

  /**
   * Bytes and closes are lost in both directions. New connections are accepted and hang. Whatever lived through it stays
   * dead for good, also after `pass`; `cut` tells both its ends.
   */
  blackHole(): void {
    this.#set('swallowed');
  }

  /** Back to normal, for new connections and for those that were never in a black hole. */
  pass(): void {
    this.#set('passing');
  }

  /** Cuts everything and closes the port. Safe to call twice. */
  async stop(): Promise<void> {
    this.cut();
    if (!this.#server.listening) return;
    const closed = once(this.#server, 'close');
    this.#server.close();
    await closed;
  }

  #set(mode: Mode): void {
    this.#mode = mode;
    for (const wire of [...this.#wires]) wire.set(mode);
  }
}

/** One connection through the proxy: the client's end and, unless it began in a black hole, the target's. */
class Wire {
  readonly #client: Socket;
  readonly #target: Socket | null;
  readonly #over: () => void;
  #mode: Mode;
  /** Whether bytes may be missing: then nothing ever passes again. */
  #dead: boolean;
  /** Ends that came while it was frozen. */
  readonly #waiting: (() => void)[] = [];

  constructor(client: Socket, target: ProxyTarget, mode: Mode, over: () => void) {
    this.#client = client;
    this.#mode = mode;
    this.#dead = mode === 'swallowed';
    this.#over = over;
    this.#target = this.#dead ? null : connect({ ...target, allowHalfOpen: true, noDelay: true });
    this.#join(client, this.#target);
    if (this.#target !== null) this.#join(this.#target, client);
  }

  get held(): boolean {
    return !this.#client.destroyed;
  }

  set(mode: Mode): void {
    this.#mode = mode;
    if (mode === 'swallowed') this.#dead = true;
    for (const socket of [this.#client, this.#target]) {
      if (mode === 'frozen') socket?.pause();
      else socket?.resume();
    }
    if (mode !== 'frozen') for (const end of this.#waiting.splice(0)) end();
    // A network that works again tells an end that the other one has gone.
    if (mode === 'passing' && (this.#client.destroyed || this.#target?.destroyed === true)) this.cut();
  }

  cut(): void {
    // A reset, so that an end that is half open already hears of it too.
    this.#client.resetAndDestroy();
    this.#target?.resetAndDestroy();
    this.#over();
  }

  #ended(from: Socket, to: Socket | null): void {
    if (!this.#dead) to?.end();
    // Nobody is left to answer a close that is lost, so this end is done with.
    else from.destroy();
  }

  #join(from: Socket, to: Socket | null): void {
    from.on('data', (bytes) => {
      if (this.#dead || to === null) return;
      if (!to.write(bytes)) from.pause();
    });
    to?.on('drain', () => {
      if (this.#mode !== 'frozen') from.resume();
    });
    from.on('end', () => {
      // A paused socket tells its end nevertheless, and that has to wait like bytes.
      if (this.#mode === 'frozen') this.#waiting.push(() => this.#ended(from, to));
      else this.#ended(from, to);
    });
    // The close that follows does what is to be done.
    from.on('error', () => undefined);
    from.on('close', (broken) => {
      // After an orderly end what is still on its way to the other end arrives.
      if (this.#mode === 'passing' && (broken || this.#dead)) this.cut();
      else if (this.#client.destroyed && (this.#target === null || this.#target.destroyed)) this.#over();
    });
    if (this.#mode === 'frozen') from.pause();
  }
}
