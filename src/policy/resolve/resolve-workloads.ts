// Workloads: which identities exist, what earns each, and what their certificates may contain.

import { defined } from '../../lib/defined.ts';
import { keysOf } from '../../model/attestors.ts';
import type { DocumentKey } from '../../model/documents/document.ts';
import type { Workload } from '../../model/documents/workload.ts';
import { type Selector, tokenEvidence } from '../../model/evidence.ts';
import type { ParsedDocument } from '../../model/parsed-document.ts';
import type { SpiffeId } from '../../model/spiffe-id.ts';
import type { IdentitiesIr, TemplateWorkloadIr, WorkloadIr } from '../ir.ts';
import { checkIdentities, type Placed } from './check-identities.ts';
import { checkJobSelectors } from './check-job-selectors.ts';
import { checkRunnerSelectors } from './check-runner-selectors.ts';
import { nameHint } from './names.ts';
import type { Problems } from './problems.ts';
import { resolveIdentity, type WorkloadContext } from './resolve-identity.ts';
import type { ServiceDraft } from './resolve-service.ts';

export interface ResolvedWorkloads {
  /** From documents: a service is not included unless a Workload is about it. */
  readonly exact: ReadonlyMap<SpiffeId, WorkloadIr>;
  /** Including those of services, and checked against each other. */
  withServices(drafts: Iterable<ServiceDraft>, problems: Problems): IdentitiesIr;
}

/** Documents without a usable identity are left out, with a problem. */
export function resolveWorkloads(
  workloads: readonly ParsedDocument<Workload>[],
  context: WorkloadContext,
): ResolvedWorkloads {
  const { defaults, names, problems } = context;
  const exact = new Map<SpiffeId, WorkloadIr>();
  const templates: TemplateWorkloadIr[] = [];
  const placed: Placed[] = [];
  for (const parsed of workloads) {
    const { metadata, spec } = parsed.document;
    if (metadata.cell !== undefined) names.cell(metadata.cell, parsed, ['metadata', 'cell']);
    if (spec.lifetime !== undefined && spec.lifetime < 1000) {
      problems.error(parsed, ['spec', 'lifetime'], {
        code: 'lifetime-too-short',
        message: 'an SVID lifetime under a second',
        hint: 'certificates are renewed at half of it',
      });
    }
    const identity = resolveIdentity(parsed, context);
    checkKeys(parsed, context);
    if (identity === undefined) continue;
    checkJobSelectors(parsed, typeof identity === 'string' ? undefined : identity, problems);
    const common = {
      document: parsed.key,
      source: parsed.source,
      lifetimeMs: spec.lifetime ?? defaults.svidLifetimeMs,
      dnsNames: spec.dnsNames,
      ...defined({ commonName: spec.commonName, secrets: spec.secrets }),
      ...(spec.advertise === undefined ? {} : { advertise: advertised(spec.advertise) }),
    };
    if (typeof identity !== 'string') {
      const workload = { ...common, template: identity, selectors: spec.selectors };
      templates.push(workload);
      placed.push({ workload, parsed });
      continue;
    }
    const first = exact.get(identity);
    if (first !== undefined) {
      problems.error(parsed, ['spec', 'identity'], {
        code: 'duplicate-identity',
        message: `${identity} is the identity of another Workload`,
        hint: `the other one is at ${first.source.file}:${first.source.line}; list all its selectors there`,
      });
      continue;
    }
    const workload = { ...common, spiffeId: identity, selectors: spec.selectors.map((one) => ofToken(one, identity)) };
    exact.set(identity, workload);
    placed.push({ workload, parsed });
  }
  return {
    exact,
    withServices(drafts, found) {
      const all = new Map(exact);
      const together = [...placed];
      const services = new Set<SpiffeId>();
      for (const { key, spiffeId, source, external } of drafts) {
        services.add(spiffeId);
        if (external || all.has(spiffeId)) continue;
        const selectors = [tokenSelector(spiffeId)];
        const document = `Service/${key}` as DocumentKey;
        const workload = { spiffeId, document, source, selectors, lifetimeMs: defaults.svidLifetimeMs, dnsNames: [] };
        all.set(spiffeId, workload);
        together.push({ workload });
      }
      checkIdentities(together, found);
      const identities = { exact: all, templates };
      checkRunnerSelectors(together, { identities, services }, found);
      return identities;
    },
  };
}

/** A join token earns the identity that it was created for, and no other. */
function ofToken(selector: Selector, spiffeId: SpiffeId): Selector {
  return selector.attestor === 'join-token' ? tokenSelector(spiffeId) : selector;
}

function tokenSelector(spiffeId: SpiffeId): Selector {
  const { attestor, values } = tokenEvidence(spiffeId);
  return { attestor, match: values };
}

/** Only what an attestor proves can be matched, or used in a template. */
function checkKeys(parsed: ParsedDocument<Workload>, { problems }: WorkloadContext): void {
  const { selectors } = parsed.document.spec;
  for (const [index, { attestor, match }] of selectors.entries()) {
    const known = keysOf(attestor);
    for (const key of Object.keys(match)) {
      if (known.includes(key)) continue;
      problems.error(parsed, ['spec', 'selectors', index, 'match', key], {
        code: 'unknown-key',
        message: `"${attestor}" proves no "${key}"`,
        hint: keyHint(key, known),
      });
    }
  }
}

function keyHint(key: string, known: readonly string[]): string {
  if (known.length === 0) return 'it stands for one exact identity: leave `match` empty';
  return nameHint(key, known, 'a key that it proves');
}

function advertised(advertise: NonNullable<Workload['spec']['advertise']>): NonNullable<WorkloadIr['advertise']> {
  const { addresses, ports } = advertise;
  return ports === undefined ? { addresses } : { addresses, ports };
}
