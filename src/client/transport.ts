import { checkLiteral, type Reach } from './address.ts';
import { exchange } from './exchange.ts';
import type { HttpRequest, HttpResponse, TransportOptions } from './http.ts';
import { networkError } from './network-error.ts';
import { openRoute, type Route } from './route.ts';

/** One HTTP exchange at a time, over connections that are kept: TLS by host, proxies, time limits; no retries, redirects or credentials. */
export interface Transport extends AsyncDisposable {
  /**
   * Any status is a response; only trouble on the way is thrown. With `reach`, the reach of the registry that sent us there, addresses that it
   * may not point to are refused where the connection is made.
   */
  send(url: URL, request: HttpRequest, reach?: Reach): Promise<HttpResponse>;
}

/**
 * On Node's own HTTP: it is in every Node already, so that a short command loads nothing (undici takes 60 ms, and its parser in WebAssembly is compiled
 * anew by every process).
 */
export function openTransport(options: TransportOptions): Transport {
  const routes = new Map<string, Promise<Route>>();
  const routeTo = (url: URL, reach: Reach | undefined): Promise<Route> => {
    const key = `${url.origin} ${reach}`;
    const route = routes.get(key) ?? openRoute(url, reach, options);
    routes.set(key, route);
    route.catch(() => routes.delete(key)); // certificates may be mended meanwhile
    return route;
  };
  return {
    async send(url, request, reach) {
      request.signal?.throwIfAborted();
      if (reach) checkLiteral(url.host, reach);
      try {
        return await exchange(await routeTo(url, reach), url, request, options);
      } catch (error) {
        throw networkError(url, error, request.signal);
      }
    },
    async [Symbol.asyncDispose]() {
      const open = await Promise.allSettled(routes.values());
      routes.clear();
      for (const result of open) if (result.status === 'fulfilled') result.value.destroy();
    },
  };
}
