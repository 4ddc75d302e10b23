// Makes the parts of what proxies are sent, encoded and linted, and makes one again only when something that it was made from has changed.
// A part is kept as long as a proxy has it; two versions of it may exist at once.
import { type Traced, type TraceOptions, trace } from '../lib/trace.ts';
import { sameMeaning } from '../policy/same-meaning.ts';
import { type Inspected, inspect } from '../translate/linter.ts';
import type { Fill, FilledPart, Part, WholePart } from '../translate/parts.ts';
import type { TranslatedResource, TranslationInputs } from '../translate/proxy.ts';
import { encodeMessage } from '../translate/wire/encode.ts';
import type { Interner } from '../xds/resources/interner.ts';
import type { EncodedResource } from '../xds/resources/snapshot.ts';
import { isTypeUrl } from '../xds/resources/type-url.ts';

export interface MadePart {
  readonly side: Part['side'];
  /** Where in the inputs was read what it is made of (lib/trace.ts). */
  readonly paths: readonly string[];
  readonly resources: readonly MadeResource[];
}

export interface MadeResource {
  readonly encoded: EncodedResource;
  readonly inspected: Inspected;
}

/** `raw`: there are raw resources among them. */
export type PartToMake = (WholePart & { readonly raw?: true }) | FilledPart;

export interface PartMaker {
  /** The same part as before if the new one would be equal. */
  make(part: PartToMake, inputs: TranslationInputs): MadePart;
}

/** A port is linted by itself: its rules do not matter to those who call it. */
export const traceOptions: TraceOptions = { same: sameMeaning, lists: new Set(['ports']) };

/** Of a part that is made as a whole, or of a template. */
interface Version {
  readonly traced: Traced<Made>;
  /** Inputs for which it is known to be up to date. */
  heldFor: number;
  /** What was made of it that somebody still has; by the keys of parts. */
  readonly parts: Map<string, WeakRef<MadePart>>;
  /** Of those above, when they were last looked through for what nobody has any more. */
  kept: number;
}

interface Made {
  readonly first: readonly MadeResource[];
  /** Of a template: makes others. */
  readonly fill?: Fill;
}

/** Keeps its version, for as long as somebody has it. */
interface PartOfVersion extends MadePart {
  readonly version: Version;
  readonly versions: Versions;
}

interface Versions {
  latest: readonly WeakRef<Version>[];
}

export interface PartMakerDeps {
  readonly interner: Interner;
  /** Called with the number of resources that were made. */
  readonly onMade: (resources: number) => void;
  /** Encoding and linting is done within it. */
  readonly encoding?: (work: () => MadeResource) => MadeResource;
}

export function createPartMaker({ interner, onMade, encoding = (work) => work() }: PartMakerDeps): PartMaker {
  const known = new Map<string, WeakRef<Versions>>();
  const forget = new FinalizationRegistry((key: string) => {
    // A new one may have taken the key since.
    if (known.get(key)?.deref() === undefined) known.delete(key);
  });
  const versionsOf = (key: string): Versions => {
    const there = known.get(key)?.deref();
    if (there !== undefined) return there;
    const fresh: Versions = { latest: [] };
    known.set(key, new WeakRef(fresh));
    forget.register(fresh, key);
    return fresh;
  };
  const encoded = (
    { typeUrl, name, schema, message, version, ...resource }: TranslatedResource,
    options: { readonly raw?: true },
  ): MadeResource => {
    if (!isTypeUrl(typeUrl)) throw new Error(`not an xDS type: ${typeUrl}`);
    return encoding(() => ({
      encoded: interner.encode(typeUrl, name, encodeMessage(schema, message), version),
      inspected: inspect({ typeUrl, name, schema, message, ...resource }, options),
    }));
  };
  const filled = (part: FilledPart, fill: Fill): readonly MadeResource[] => [
    encoded(
      fill(part.own, () => []),
      {},
    ),
  ];
  const makeVersion = (part: PartToMake, inputs: TranslationInputs): Version => {
    const traced = trace(
      inputs,
      (seen): Made => {
        if (part.kind === 'whole') {
          const options = part.raw === undefined ? {} : { raw: part.raw };
          return { first: part.make(seen).map((resource) => encoded(resource, options)) };
        }
        const fill = part.template.make(seen);
        return fill === undefined ? { first: [] } : { first: filled(part, fill), fill };
      },
      traceOptions,
    );
    return { traced, heldFor: numberOf(inputs), parts: new Map(), kept: 0 };
  };
  return {
    make(part, inputs) {
      const versions = versionsOf(part.kind === 'whole' ? part.key : part.template.key);
      const alive = versions.latest.flatMap((version) => version.deref() ?? []);
      const there = alive.find((version) => holds(version, inputs));
      const version = there ?? makeVersion(part, inputs);
      if (there === undefined) versions.latest = [version, ...alive].slice(0, 2).map((one) => new WeakRef(one));
      const known = version.parts.get(part.key)?.deref();
      if (known !== undefined) return known;
      const { traced } = version;
      const { first, fill } = traced.value;
      const resources = there === undefined || part.kind === 'whole' || fill === undefined ? first : filled(part, fill);
      onMade(resources.length);
      const made: PartOfVersion = { side: part.side, paths: traced.paths, resources, version, versions };
      version.parts.set(part.key, new WeakRef(made));
      forgetUnused(version);
      return made;
    },
  };
}

function holds(version: Version, inputs: TranslationInputs): boolean {
  const number = numberOf(inputs);
  if (version.heldFor === number) return true;
  if (!version.traced.holds(inputs)) return false;
  version.heldFor = number;
  return true;
}

let inputsSeen = 0;
const numbers = new WeakMap<TranslationInputs, number>();

/** One for each object, so that nobody has to keep it to know it again. */
function numberOf(inputs: TranslationInputs): number {
  const number = numbers.get(inputs) ?? ++inputsSeen;
  numbers.set(inputs, number);
  return number;
}

/** Each time that there are twice as many. */
function forgetUnused(version: Version): void {
  const { parts } = version;
  if (parts.size < 2 * Math.max(version.kept, 8)) return;
  for (const [key, part] of parts) if (part.deref() === undefined) parts.delete(key);
  version.kept = parts.size;
}
