// What an operator wants an Envoy to log for a while, as the control plane passes it to the proxy's helper, and what the helper says of it.
// Both ends parse what the other sent.
/** Envoy's (spdlog's), the most telling first. */
const envoyLogLevels = ['trace', 'debug', 'info', 'warning', 'error', 'critical', 'off'] as const;
type EnvoyLogLevel = (typeof envoyLogLevels)[number];

/** In place of a logger: all of them. */
export const everyLogger = '*';
const maxLoggers = 50;
/** What stays forgotten would be written to disks for ever. */
const longestMs = 24 * 3_600_000;

export interface LogLevelsOrder {
  readonly id: string;
  /** Which of the identity's proxies. */
  readonly instance: string;
  /** By logger, or `*`. None: back to what was before, now. */
  readonly levels: Readonly<Record<string, EnvoyLogLevel>>;
  /** After that, the levels of before come back. */
  readonly forMs: number;
}

export interface LogLevelsReport {
  readonly instance: string;
  readonly run: string;
  readonly id: string;
  /** How many loggers have another level now. */
  readonly loggers: number;
  /** Why nothing was done. */
  readonly failed?: string;
}

function isLogger(name: string): boolean {
  return name === everyLogger || /^[a-z0-9_]{1,64}$/.test(name);
}

/** Undefined for what is no order: of a control plane that knows more, or of none. */
export function readOrder(value: unknown): LogLevelsOrder | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { id, instance, levels, forMs }: { readonly [name: string]: unknown } = { ...value };
  if (typeof id !== 'string' || typeof instance !== 'string' || typeof levels !== 'object' || levels === null)
    return undefined;
  if (typeof forMs !== 'number' || !(forMs >= 0 && forMs <= longestMs)) return undefined;
  const entries = Object.entries(levels);
  if (entries.length > maxLoggers) return undefined;
  const read: (readonly [string, EnvoyLogLevel])[] = [];
  for (const [name, given] of entries) {
    const level = envoyLogLevels.find((one) => one === given);
    if (level === undefined || !isLogger(name)) return undefined;
    read.push([name, level]);
  }
  return { id, instance, levels: Object.fromEntries(read), forMs };
}
