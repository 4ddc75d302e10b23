// What can be qualified: a name → its items. A new name is one new folder and one line here.
import { budgetItems } from './adversary/budgets.ts';
import { canaryRunItem } from './adversary/canary-run.ts';
import { fuzzItems } from './adversary/fuzz.ts';
import { instanceItems } from './adversary/instances.ts';
import { localItems } from './adversary/local.ts';
import { matchingCellItems } from './adversary/matching-cell.ts';
import { adversaryRecordItems } from './adversary/record.ts';
import { requestItems } from './adversary/requests.ts';
import { storeItems } from './adversary/store.ts';
import { callersItems } from './field/callers.ts';
import { filesItems } from './field/files.ts';
import { plainItems } from './field/plain.ts';
import { processItems } from './field/process.ts';
import { recordItems } from './field/record.ts';
import { refusalsItems } from './field/refusals.ts';
import { reportsItems } from './field/reports.ts';
import { returnItems } from './field/return.ts';
import { storyItems } from './field/story.ts';
import { trafficItems } from './field/traffic.ts';
import { identityItems } from './identity/items.ts';
import type { Item } from './item.ts';
import { observeItems } from './observe/items.ts';
import { tracesItem } from './observe/traces.ts';
import { trailItem } from './observe/trail.ts';
import { dataPathItem, manyRulesItem } from './performance/data-path.ts';
import { editAtScaleItem } from './performance/edit-at-scale.ts';
import { firstPublicationItem } from './performance/first-publication.ts';
import { incrementalItem } from './performance/incremental.ts';
import { issuanceItem } from './performance/issuance.ts';
import { joinsItem } from './performance/joins.ts';
import { race } from './performance/race.ts';
import { tenThousandStreams } from './performance/ten-thousand-streams.ts';
import { urgentDenyAtScaleItem } from './performance/urgent-deny-at-scale.ts';
import { cutOver } from './policy/cut-over.ts';
import { explainProperty as policyProperty } from './policy/explain-property-item.ts';
import { matchingCells } from './policy/matching-cells-item.ts';
import { pathCorpusItem } from './policy/path-corpus-item.ts';
import { simulation } from './policy/simulation.ts';
import { urgentDeny } from './policy/urgent-deny.ts';
import { conformance } from './protocol/conformance.ts';
import { demoVariants } from './protocol/demo-variants.ts';
import { randomSequences } from './protocol/random-sequences.ts';
import { realEnvoys } from './protocol/real-envoys.ts';
import { slowReaders } from './protocol/slow-readers.ts';
import { seamsItems } from './seams/items.ts';
import { spiffeItems } from './spiffe/items.ts';
import { bootstrap } from './store/bootstrap.ts';
import { cutOffCell } from './store/cut-off-cell.ts';
import { failover } from './store/failover.ts';
import { isolated } from './store/isolated.ts';
import { redisItems } from './store/items.ts';
import { twoPlanes } from './store/two-planes.ts';
import { explainProperty } from './wall/explain-property-item.ts';
import { fleet } from './wall/fleet.ts';
import { freshClone } from './wall/fresh-clone.ts';
import { npmCit } from './wall/npm-cit.ts';
import { rotationLoad } from './wall/rotation-load.ts';
import { sidecarStart } from './wall/sidecar-start.ts';
import { tutorial } from './wall/tutorial.ts';

export const catalog: Readonly<Record<string, readonly Item[]>> = {
  adversary: [
    ...budgetItems,
    ...fuzzItems,
    canaryRunItem,
    ...instanceItems,
    ...localItems,
    ...matchingCellItems,
    ...adversaryRecordItems,
    ...requestItems,
    ...storeItems,
  ],
  field: [
    ...callersItems,
    ...filesItems,
    ...plainItems,
    ...processItems,
    ...recordItems,
    ...refusalsItems,
    ...reportsItems,
    ...returnItems,
    ...storyItems,
    ...trafficItems,
  ],
  identity: identityItems,
  observe: [...observeItems, trailItem, tracesItem],
  performance: [
    ...[incrementalItem, firstPublicationItem, editAtScaleItem, urgentDenyAtScaleItem],
    ...[issuanceItem, joinsItem, race, tenThousandStreams, dataPathItem, manyRulesItem],
  ],
  policy: [policyProperty, pathCorpusItem, matchingCells, urgentDeny, cutOver, simulation],
  protocol: [conformance, randomSequences, realEnvoys, demoVariants, slowReaders],
  seams: seamsItems,
  spiffe: spiffeItems,
  store: [...redisItems, bootstrap, cutOffCell, failover, isolated, twoPlanes],
  wall: [freshClone, rotationLoad, npmCit, tutorial, sidecarStart, fleet, explainProperty],
};
