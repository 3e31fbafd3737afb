import { constants } from 'node:os';
import { isErrno } from '../std/index.ts';
import { FuseDevice } from './device.ts';
import { HANDLERS } from './handlers.ts';
import { answerInit } from './init.ts';
import { Opcode } from './protocol.ts';
import { errnoOf } from './refusal.ts';
import { FuseReply } from './reply.ts';
import { FuseRequest } from './request.ts';
import type { Session } from './session.ts';

/** Takes requests in and gives answers, one at a time. */
export class Server {
  readonly #session: Session;
  readonly #device: FuseDevice;
  readonly #passthrough: boolean;
  /** The one that was read last. */
  readonly request: FuseRequest = new FuseRequest();
  readonly #reply = new FuseReply();
  /** Answers that are to come later. */
  #pending = 0;

  constructor(session: Session, { passthrough }: { passthrough: boolean }) {
    this.#session = session;
    this.#device = new FuseDevice(session.fuse);
    this.#passthrough = passthrough;
  }

  /** Length of the answer that was written last. */
  get answered(): number {
    return this.#reply.length;
  }

  get isWaiting(): boolean {
    return this.#pending > 0;
  }

  /** The next request's length; 0 where there is none after all, -1 at the end. */
  receive(): number {
    return this.#device.receive(this.request.buffer);
  }

  /** {@link receive} while answers are to come. */
  receiveLater(): Promise<number> {
    return this.#device.receiveLater(this.request.buffer);
  }

  answer(length: number): void {
    const [request, reply] = [this.request, this.#reply];
    if (!request.begin(length)) return;
    reply.begin(request);
    let answered: ReturnType<(typeof HANDLERS)[number] & {}>;
    try {
      answered = this.#handle(request, reply);
    } catch (error) {
      if (request.opcode === Opcode.forget || request.opcode === Opcode.batchForget) return;
      reply.fail(errnoOf(error));
    }
    if (answered === false) return;
    if (answered) this.#answerLater(answered);
    else this.#send(reply);
  }

  #handle(request: FuseRequest, reply: FuseReply): ReturnType<(typeof HANDLERS)[number] & {}> {
    if (request.opcode === Opcode.init) {
      const { passthrough } = answerInit(request, reply, { passthrough: this.#passthrough });
      this.#session.files.lends = passthrough;
      return undefined;
    }
    const handler = HANDLERS[request.opcode];
    if (handler) return handler(this.#session, request, reply);
    reply.fail(constants.errno.ENOSYS);
    return undefined;
  }

  #answerLater(coming: Promise<Buffer>): void {
    const reply = this.#reply.apart();
    this.#pending++;
    void coming
      .then(
        (bytes) => reply.whole(bytes),
        (error) => reply.fail(errnoOf(error)),
      )
      .then(() => {
        this.#pending--;
        this.#send(reply);
      });
  }

  #send(reply: { send(fuse: number): void }): void {
    try {
      reply.send(this.#session.fuse);
    } catch (error) {
      // Nobody waits for it any more, or nothing is mounted any more: the next read tells.
      if (!isErrno(error, 'ENOENT', 'ENODEV')) throw error;
    }
  }
}
