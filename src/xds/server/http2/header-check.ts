// Which headers make a well-formed request, and which may follow its data: https://www.rfc-editor.org/rfc/rfc9113#section-8.2
import type { Header } from './header-table.ts';

export interface HeaderCheck {
  see(header: Header): void;
  /** Whether they may begin a request. CONNECT is not supported. */
  isRequest(): boolean;
  /** Whether they may end one. */
  areTrailers(): boolean;
}

/** 8.2.1: lower case, no control characters, no colon but a pseudo-header's first. */
const fieldName = /^[!-9;-@[-~]+$/;
const fieldValue = /^(?![ \t])[^\0\r\n]*(?<![ \t])$/;
/** 8.2.2: headers of HTTP/1.1 connections. */
const ofConnections: ReadonlySet<string> = new Set([
  ...['connection', 'proxy-connection', 'keep-alive', 'transfer-encoding', 'upgrade'],
]);
/** 8.3.1; and those that a request must have. */
const needed = [':method', ':scheme', ':path'] as const;
/** May be named by `host` instead. */
const authority = ':authority';
const pseudo: ReadonlySet<string> = new Set([...needed, authority]);

/** For one block of headers. */
export function createHeaderCheck(): HeaderCheck {
  const seen = new Set<string>();
  let [isFine, fields, hasHost] = [true, 0, false];
  return {
    see([name, value]) {
      if (name.startsWith(':')) {
        if (!pseudo.has(name) || seen.has(name) || fields > 0 || !fieldValue.test(value)) isFine = false;
        if (value !== '') seen.add(name);
        return;
      }
      fields += 1;
      if (name === 'host' && value !== '') hasHost = true;
      if (!fieldName.test(name) || !fieldValue.test(value)) isFine = false;
      if (ofConnections.has(name) || (name === 'te' && value !== 'trailers')) isFine = false;
    },
    isRequest: () => isFine && (hasHost || seen.has(authority)) && needed.every((name) => seen.has(name)),
    areTrailers: () => isFine && seen.size === 0,
  };
}
