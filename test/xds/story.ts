// Plays requests and pushes against the pure steps, and tells what was sent in short: `cluster a=1 b=2 -c`.
import { fromBinary } from '@bufbuild/protobuf';
import {
  type DeltaDiscoveryResponse,
  DeltaDiscoveryResponseSchema,
  type DiscoveryResponse,
  DiscoveryResponseSchema,
} from '#gen/envoy/service/discovery/v3/discovery_pb.js';
import { framePrefix } from '../../src/lib/grpc-call.ts';
import { stepDelta } from '../../src/xds/protocol/delta.ts';
import { createSharedSteps } from '../../src/xds/protocol/shared-steps.ts';
import { stepSotw } from '../../src/xds/protocol/sotw.ts';
import { openStream, type Step } from '../../src/xds/protocol/stream-state.ts';
import type { Snapshot } from '../../src/xds/resources/snapshot.ts';
import { typeUrls } from '../../src/xds/resources/type-url.ts';
import { type Contents, snapshotOf, textOf } from './xds-fixture.ts';

export type Kind = keyof typeof typeUrls;

const kinds: ReadonlyMap<string, string> = new Map(Object.entries(typeUrls).map(([kind, url]) => [url, kind]));

export function kindOf(typeUrl: string): Kind {
  return kinds.get(typeUrl) as Kind;
}

export interface SotwTold {
  readonly names?: readonly string[];
  readonly version?: string;
  /** Default: that of the last response of the type. */
  readonly nonce?: string;
  readonly error?: string;
}

export interface DeltaTold {
  readonly sub?: readonly string[];
  readonly unsub?: readonly string[];
  readonly has?: Readonly<Record<string, string>>;
  /** Default: none, as in a request that answers nothing. */
  readonly nonce?: string;
  readonly error?: string;
}

/** A response as sent: name and content of each resource, and names removed. */
export interface Told {
  readonly kind: Kind;
  readonly resources: readonly (readonly [name: string, text: string])[];
  readonly removed: readonly string[];
  readonly nonce: string;
}

export function toldSotw(kind: Kind, { resources, nonce }: DiscoveryResponse): Told {
  const texts = resources.map(({ value }) => textOf(value));
  return { kind, resources: texts.map((text) => [text.split(/[: ]/)[0] ?? '', text]), removed: [], nonce };
}

export function toldDelta(kind: Kind, { resources, removedResources, nonce }: DeltaDiscoveryResponse): Told {
  const there = resources.map(({ name, resource }) => [name, textOf(resource?.value ?? new Uint8Array())] as const);
  return { kind, resources: there, removed: removedResources, nonce };
}

/** One for all stories, as they are streams of one server. */
const shared = createSharedSteps('story');

abstract class Story {
  protected state = openStream(shared);
  private snapshot: Snapshot | undefined;
  private revision = 0;
  private now = 0;
  readonly nonces = new Map<Kind, string>();
  readonly versions = new Map<Kind, string>();
  /** Every response in full. */
  readonly told: Told[] = [];
  /** ACKs and NACKs as told, in short. */
  readonly answers: string[] = [];
  /** Types that the client brought along complete. */
  readonly kept: Kind[] = [];

  /** A new snapshot; what it makes the server send. */
  set(contents: Contents, partial = false): readonly string[] {
    this.snapshot = { ...snapshotOf(++this.revision, contents), ...(partial ? { partial: true as const } : {}) };
    return this.flush();
  }

  /** Time goes by; what it makes the server send. */
  wait(ms: number): readonly string[] {
    this.now += ms;
    return this.flush();
  }

  protected flush(): readonly string[] {
    return this.snapshot === undefined ? [] : this.perform(this.step(this.snapshot, this.now));
  }

  protected abstract step(snapshot: Snapshot, now: number): Step;
  protected abstract tell(kind: Kind, body: Buffer): string;

  protected perform({ state, effects }: Step): readonly string[] {
    this.state = state;
    const told: string[] = [];
    for (const effect of effects) {
      if (effect.kind === 'later') continue;
      if (effect.kind === 'kept') {
        this.kept.push(kindOf(effect.typeUrl));
        continue;
      }
      const kind = kindOf(effect.sent.typeUrl);
      if (effect.kind === 'send') {
        this.nonces.set(kind, effect.sent.nonce);
        this.versions.set(kind, effect.sent.version);
        told.push(`${kind}${this.tell(kind, effect.frame.subarray(framePrefix))}`);
      } else this.answers.push(`${effect.kind} ${kind} at ${effect.sent.revision}`);
    }
    return told;
  }
}

export class SotwStory extends Story {
  /** A request; what the server sends then. */
  ask(kind: Kind, { names = [], version = '', nonce, error }: SotwTold = {}): readonly string[] {
    const request = { typeUrl: typeUrls[kind], names, version, nonce: nonce ?? this.nonces.get(kind) ?? '', error };
    const told = this.perform(stepSotw(this.state, { kind: 'request', request }));
    return [...told, ...this.flush()];
  }

  protected step(snapshot: Snapshot, now: number): Step {
    return stepSotw(this.state, { kind: 'flush', snapshot, now });
  }

  protected tell(kind: Kind, body: Buffer): string {
    const told = toldSotw(kind, fromBinary(DiscoveryResponseSchema, body));
    this.told.push(told);
    return told.resources.map(([, text]) => ` ${text}`).join('');
  }
}

export class DeltaStory extends Story {
  ask(kind: Kind, { sub = [], unsub = [], has = {}, nonce = '', error }: DeltaTold = {}): readonly string[] {
    const request = {
      typeUrl: typeUrls[kind],
      subscribe: sub,
      unsubscribe: unsub,
      initialVersions: new Map(Object.entries(has)),
      nonce,
      error,
    };
    const told = this.perform(stepDelta(this.state, { kind: 'request', request }));
    return [...told, ...this.flush()];
  }

  ack(kind: Kind): readonly string[] {
    return this.ask(kind, { nonce: this.nonces.get(kind) ?? '' });
  }

  nack(kind: Kind, error = 'bad'): readonly string[] {
    return this.ask(kind, { nonce: this.nonces.get(kind) ?? '', error });
  }

  protected step(snapshot: Snapshot, now: number): Step {
    return stepDelta(this.state, { kind: 'flush', snapshot, now });
  }

  protected tell(kind: Kind, body: Buffer): string {
    const told = toldDelta(kind, fromBinary(DeltaDiscoveryResponseSchema, body));
    this.told.push(told);
    const parts = [
      ...told.resources.map(([name, text]) => `${name}=${text}`),
      ...told.removed.map((name) => `-${name}`),
    ];
    return parts.map((part) => ` ${part}`).join('');
  }
}

/** The version of made-up content, as in `initial_resource_versions`. */
export function versionOf(text: string): string {
  return (
    snapshotOf(1, { cluster: { any: text } })
      .resources.get(typeUrls.cluster)
      ?.get('any')?.version ?? ''
  );
}
