// Everything that a process opened, closed in reverse order, each with a time limit, so that a stop leaves no port and no child behind.

export interface Lifecycle {
  /** Registers how to close something; runs at once if already closing. */
  defer(name: string, close: () => void | Promise<void>): void;
  /** Closes everything, last opened first; one failure does not keep the rest open. Safe to call again. */
  close(): Promise<void>;
}

export interface LifecycleOptions {
  /** Limit for each closer, milliseconds. Default 5000. */
  readonly timeoutMs?: number;
  readonly onError?: (name: string, reason: unknown) => void;
}

/** `onError` is told of closers that fail or take too long. */
export function createLifecycle({ timeoutMs = 5000, onError = () => {} }: LifecycleOptions = {}): Lifecycle {
  const closers: { readonly name: string; readonly close: () => void | Promise<void> }[] = [];
  let closing: Promise<void> | undefined;
  const run = async (name: string, close: () => void | Promise<void>): Promise<void> => {
    let timer: NodeJS.Timeout | undefined;
    try {
      const limit = new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(new Error(`closing ${name} took over ${timeoutMs} ms`)), timeoutMs);
      });
      await Promise.race([close(), limit]);
    } catch (reason) {
      onError(name, reason);
    } finally {
      clearTimeout(timer);
    }
  };
  return {
    defer(name, close) {
      if (closing === undefined) closers.push({ name, close });
      else void run(name, close);
    },
    close() {
      closing ??= (async () => {
        for (let item = closers.pop(); item !== undefined; item = closers.pop()) await run(item.name, item.close);
      })();
      return closing;
    },
  };
}
