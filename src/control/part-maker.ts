// Makes the parts of what proxies are sent, encoded and linted, and makes one again only when something that it was made from has changed.
// A part is kept as long as a proxy has it; two versions of it may exist at once.
import { toBinary } from '@bufbuild/protobuf';
import { type Traced, type TraceOptions, trace } from '../lib/trace.ts';
import { sameMeaning } from '../policy/same-meaning.ts';
import { type Inspected, inspect } from '../translate/linter.ts';
import type { Part } from '../translate/parts.ts';
import type { TranslationInputs } from '../translate/proxy.ts';
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
export type PartToMake = Part & { readonly raw?: true };

export interface PartMaker {
  /** The same part as before if the new one would be equal. */
  make(part: PartToMake, inputs: TranslationInputs): MadePart;
}

/** A port is linted by itself: its rules do not matter to those who call it. */
export const traceOptions: TraceOptions = { same: sameMeaning, lists: new Set(['ports']) };

interface Version extends MadePart {
  readonly traced: Traced<readonly MadeResource[]>;
  /** Inputs for which it is known to be up to date. */
  readonly holdsFor: WeakSet<object>;
  readonly of: Versions;
}

interface Versions {
  latest: readonly WeakRef<Version>[];
}

/** `onMade` is called with the number of resources that were made. */
export function createPartMaker(interner: Interner, onMade: (resources: number) => void): PartMaker {
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
  const encoded = ({ make, raw }: PartToMake, inputs: TranslationInputs): readonly MadeResource[] =>
    make(inputs).map((resource) => {
      const { typeUrl, name, schema, message, version } = resource;
      if (!isTypeUrl(typeUrl)) throw new Error(`not an xDS type: ${typeUrl}`);
      return {
        encoded: interner.encode(typeUrl, name, toBinary(schema, message), version),
        inspected: inspect(resource, raw === undefined ? {} : { raw }),
      };
    });
  return {
    make(part, inputs) {
      const of = versionsOf(part.key);
      const alive = of.latest.flatMap((version) => version.deref() ?? []);
      const there = alive.find((version) => holds(version, inputs));
      if (there !== undefined) return there;
      const traced = trace(inputs, (seen) => encoded(part, seen), traceOptions);
      onMade(traced.value.length);
      const { value: resources, paths } = traced;
      const made: Version = { side: part.side, resources, paths, traced, holdsFor: new WeakSet([inputs]), of };
      of.latest = [made, ...alive].slice(0, 2).map((version) => new WeakRef(version));
      return made;
    },
  };
}

function holds({ traced, holdsFor }: Version, inputs: TranslationInputs): boolean {
  if (holdsFor.has(inputs)) return true;
  if (!traced.holds(inputs)) return false;
  holdsFor.add(inputs);
  return true;
}
