// Calls that must be allowed, or denied: kept in this browser, tried with every change that is typed. Pure, but for the storage.

export interface CallTest {
  readonly caller: string;
  readonly target: string;
  readonly method?: string;
  readonly path?: string;
  readonly expect: 'allowed' | 'denied';
}

const key = 'cellwall-tests';
export const maxTests = 50;
const maxText = 1024;

/** What somebody else left there is no test. */
export function readTests(storage: Pick<Storage, 'getItem'>): readonly CallTest[] {
  try {
    const value: unknown = JSON.parse(storage.getItem(key) ?? '[]');
    return Array.isArray(value) ? value.flatMap(testOf).slice(0, maxTests) : [];
  } catch {
    return [];
  }
}

export function keepTests(storage: Pick<Storage, 'setItem'>, tests: readonly CallTest[]): void {
  storage.setItem(key, JSON.stringify(tests.slice(0, maxTests)));
}

export function nameOf({ caller, target, method, path }: CallTest): string {
  const call = [method, path].filter((part) => part !== undefined).join(' ');
  return `${caller} → ${target}${call === '' ? '' : ` ${call}`}`;
}

function testOf(value: unknown): readonly CallTest[] {
  if (typeof value !== 'object' || value === null) return [];
  const { caller, target, method, path, expect }: Readonly<Record<string, unknown>> = { ...value };
  if (!isText(caller) || !isText(target) || (expect !== 'allowed' && expect !== 'denied')) return [];
  return [{ caller, target, expect, ...(isText(method) ? { method } : {}), ...(isText(path) ? { path } : {}) }];
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= maxText;
}
