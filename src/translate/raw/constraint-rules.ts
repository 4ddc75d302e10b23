// One value against its constraint (validate/validate.proto), as text that continues after the field's name.
import type { DescEnum } from '@bufbuild/protobuf';
import {
  type BytesRules,
  type EnumRules,
  type FieldRules,
  KnownRegex,
  type MapRules,
  type RepeatedRules,
  type StringRules,
} from '#gen/validate/validate_pb.js';

type Numeric = number | bigint;

/** Empty if the value is fine. Messages, lists and maps are judged by their own functions. */
export function brokenValue(rules: FieldRules, value: unknown, values?: DescEnum): readonly string[] {
  const { type } = rules;
  switch (type.case) {
    case 'string':
      return typeof value === 'string' ? brokenString(type.value, value) : [];
    case 'bytes':
      return value instanceof Uint8Array ? brokenBytes(type.value, value) : [];
    case 'enum':
      return typeof value === 'number' ? brokenEnum(type.value, value, values) : [];
    case 'bool':
      return type.value.const !== undefined && has(type.value, 'const') && value !== type.value.const
        ? [`has to be ${type.value.const}`]
        : [];
    case 'duration':
      return brokenNumber(durations(type.value), nanosOf(value), (nanos) => `${Number(nanos) / 1e9}s`);
    case 'any': {
      const url = typeof value === 'object' && value !== null && 'typeUrl' in value ? String(value.typeUrl) : '';
      const { in: allowed, notIn } = type.value;
      return (allowed.length > 0 && !allowed.includes(url)) || notIn.includes(url) ? [`must not be ${url}`] : [];
    }
    case undefined:
    case 'repeated':
    case 'map':
    case 'timestamp':
      return [];
    default:
      return typeof value === 'number' || typeof value === 'bigint' ? brokenNumber(type.value, value, String) : [];
  }
}

export function brokenRepeated(rules: RepeatedRules, list: readonly unknown[]): readonly string[] {
  if (rules.ignoreEmpty && list.length === 0) return [];
  const broken = brokenCount(list.length, 'entries', number(rules, 'minItems'), number(rules, 'maxItems'));
  return rules.unique && new Set(list).size < list.length ? [...broken, 'has an entry twice'] : broken;
}

export function brokenMap(rules: MapRules, size: number): readonly string[] {
  return brokenCount(size, 'entries', number(rules, 'minPairs'), number(rules, 'maxPairs'));
}

function brokenString(rules: StringRules, value: string): readonly string[] {
  if (rules.ignoreEmpty && value === '') return [];
  const broken = [
    ...brokenCount([...value].length, 'characters', number(rules, 'minLen'), number(rules, 'maxLen')),
    ...brokenCount(Buffer.byteLength(value), 'bytes', number(rules, 'minBytes'), number(rules, 'maxBytes')),
  ];
  const { in: allowed, notIn, prefix, suffix, contains, pattern, wellKnown } = rules;
  if (allowed.length > 0 && !allowed.includes(value)) broken.push(`has to be one of ${allowed.join(', ')}`);
  if (notIn.includes(value)) broken.push(`must not be ${JSON.stringify(value)}`);
  if (prefix && !value.startsWith(prefix)) broken.push(`has to begin with ${JSON.stringify(prefix)}`);
  if (suffix && !value.endsWith(suffix)) broken.push(`has to end with ${JSON.stringify(suffix)}`);
  if (contains && !value.includes(contains)) broken.push(`has to contain ${JSON.stringify(contains)}`);
  if (pattern && !new RegExp(pattern, 'u').test(value)) broken.push(`has to match ${pattern}`);
  if (wellKnown.case === 'wellKnownRegex' && !isHeader(wellKnown.value, value, rules.strict)) {
    broken.push('holds characters that no header has');
  }
  return broken;
}

/** `strict` is true unless it is set to false: then only NUL, CR and LF are refused. */
function isHeader(kind: KnownRegex, value: string, strict: boolean): boolean {
  if (!strict) return !/[\0\r\n]/.test(value);
  switch (kind) {
    case KnownRegex.HTTP_HEADER_NAME:
      return /^:?[0-9a-zA-Z!#$%&'*+\-.^_|~`]+$/.test(value);
    case KnownRegex.HTTP_HEADER_VALUE:
      // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
      return !/[\0-\x08\n-\x1f\x7f]/.test(value);
    default:
      return true;
  }
}

function brokenBytes(rules: BytesRules, value: Uint8Array): readonly string[] {
  if (rules.ignoreEmpty && value.length === 0) return [];
  return brokenCount(value.length, 'bytes', number(rules, 'minLen'), number(rules, 'maxLen'));
}

function brokenEnum(rules: EnumRules, value: number, desc: DescEnum | undefined): readonly string[] {
  const name = desc?.value[value]?.name ?? String(value);
  if (rules.definedOnly && desc !== undefined && desc.value[value] === undefined) return [`has no value ${value}`];
  const wrong = rules.notIn.includes(value) || (rules.in.length > 0 && !rules.in.includes(value));
  return wrong ? [`must not be ${name}`] : [];
}

interface Bounds {
  readonly const?: Numeric;
  readonly lt?: Numeric;
  readonly lte?: Numeric;
  readonly gt?: Numeric;
  readonly gte?: Numeric;
  readonly in?: readonly Numeric[];
  readonly notIn?: readonly Numeric[];
  readonly ignoreEmpty?: boolean;
}

function brokenNumber(rules: Bounds, value: Numeric, say: (value: Numeric) => string): readonly string[] {
  if (rules.ignoreEmpty === true && (value === 0 || value === 0n)) return [];
  // An unset bound is the schema's own default, not a bound.
  const bound = (name: 'const' | 'lt' | 'lte' | 'gt' | 'gte'): Numeric | undefined =>
    has(rules, name) ? rules[name] : undefined;
  const [exact, lt, lte, gt, gte] = [bound('const'), bound('lt'), bound('lte'), bound('gt'), bound('gte')];
  const broken: string[] = [];
  if (exact !== undefined && value !== exact) broken.push(`has to be ${say(exact)}`);
  if (lt !== undefined && value >= lt) broken.push(`has to be less than ${say(lt)}`);
  if (lte !== undefined && value > lte) broken.push(`has to be at most ${say(lte)}`);
  if (gt !== undefined && value <= gt) broken.push(`has to be more than ${say(gt)}`);
  if (gte !== undefined && value < gte) broken.push(`has to be at least ${say(gte)}`);
  if (rules.in !== undefined && rules.in.length > 0 && !rules.in.includes(value)) {
    broken.push(`has to be one of ${rules.in.map(say).join(', ')}`);
  }
  if (rules.notIn?.includes(value) === true) broken.push(`must not be ${say(value)}`);
  return broken;
}

type DurationBounds = Extract<FieldRules['type'], { case: 'duration' }>['value'];

function durations({ const: exact, lt, lte, gt, gte }: DurationBounds): Bounds {
  const given = { const: exact, lt, lte, gt, gte };
  const set = Object.entries(given).flatMap(([name, value]) => (value === undefined ? [] : [[name, nanosOf(value)]]));
  return Object.fromEntries(set);
}

function nanosOf(value: unknown): bigint {
  if (typeof value !== 'object' || value === null || !('seconds' in value) || !('nanos' in value)) return 0n;
  return BigInt(Number(value.seconds)) * 1_000_000_000n + BigInt(Number(value.nanos));
}

function brokenCount(count: number, what: string, min: number | undefined, max: number | undefined): string[] {
  if (min !== undefined && count < min) return count === 0 ? ['must not be empty'] : [`needs at least ${min} ${what}`];
  return max !== undefined && count > max ? [`has more than ${max} ${what}`] : [];
}

function number(rules: object, name: string): number | undefined {
  const value: unknown = has(rules, name) ? Reflect.get(rules, name) : undefined;
  return typeof value === 'bigint' || typeof value === 'number' ? Number(value) : undefined;
}

/** Is it set? protobuf-es puts defaults of proto2 fields on the prototype. */
function has(rules: object, name: string): boolean {
  return Object.hasOwn(rules, name);
}
