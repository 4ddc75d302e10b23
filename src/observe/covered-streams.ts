// Streams of proxies, counted for the record's coverage: each once, from when its service is known. A stream that came before the documents
// that name its service is counted when they are in force; one that was never counted ends nothing.
import type { Coverage } from './coverage.ts';

export interface CoveredStreams {
  connected(stream: number, node: string): void;
  disconnected(stream: number, node: string): void;
  /** Other documents are in force. */
  lookAgain(): void;
}

export function createCoveredStreams(
  coverage: Pick<Coverage, 'connected' | 'disconnected'>,
  serviceOf: (node: string) => string | undefined,
): CoveredStreams {
  const unknown = new Map<number, string>();
  const connected = (stream: number, node: string): void => {
    const service = serviceOf(node);
    if (service === undefined) return void unknown.set(stream, node);
    unknown.delete(stream);
    coverage.connected(node, service);
  };
  return {
    connected,
    disconnected(stream, node) {
      if (!unknown.delete(stream)) coverage.disconnected(node);
    },
    lookAgain() {
      for (const [stream, node] of [...unknown]) connected(stream, node);
    },
  };
}
