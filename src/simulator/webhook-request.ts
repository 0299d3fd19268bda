import { Agent as HttpAgent, request as httpRequest } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';

/** Milliseconds a receiver has to answer before a delivery counts as failed. */
const RECEIVER_TIMEOUT_MS = 10_000;

/** What came of one POST: the receiver's status, or why there is none. */
export interface WebhookAnswer {
  readonly status: number | null;
  readonly error?: string;
}

/** Posts events over connections of its own, so that closing can cut every one of them. */
export class WebhookPoster {
  readonly #httpAgent = new HttpAgent({ keepAlive: true });
  readonly #httpsAgent = new HttpsAgent({ keepAlive: true });

  /** Never rejects. Redirects are not followed: anything but a 2xx is a failed delivery. */
  post(url: string, body: string, headers: Readonly<Record<string, string>>): Promise<WebhookAnswer> {
    return new Promise((resolve) => {
      const secure = url.startsWith('https:');
      const options = {
        method: 'POST',
        agent: secure ? this.#httpsAgent : this.#httpAgent,
        headers: {
          'content-type': 'application/json; charset=utf-8',
          'content-length': Buffer.byteLength(body),
          ...headers,
        },
      };
      const request = secure ? httpsRequest(url, options) : httpRequest(url, options);
      const timer = setTimeout(() => request.destroy(new Error('no answer in time')), RECEIVER_TIMEOUT_MS);
      // The answer counts at its headers; the time limit goes on until its body has ended too.
      request.on('close', () => clearTimeout(timer));
      request.on('response', (response) => {
        response.resume();
        response.on('error', () => undefined);
        resolve({ status: response.statusCode ?? null });
      });
      request.on('error', (error: NodeJS.ErrnoException) => {
        resolve({ status: null, error: error.code ?? error.message });
      });
      request.end(body);
    });
  }

  /** Cuts the connections, and with them whatever is under way. */
  close(): void {
    this.#httpAgent.destroy();
    this.#httpsAgent.destroy();
  }
}
