// What is wrong beside single edges: with the control plane, its store and its certificates, with proxies that nobody calls.
import type { MeshDiagnosisAnswer } from '../../../src/admin/wire-doctor.ts';
import { marksOf, useLive } from '../api/context.ts';
import { useQuery } from '../api/use-query.ts';
import { Findings } from './findings.tsx';

/** Nothing, if that is in order or not known; what is wrong with edges is told with them. */
export function MeshFindings() {
  const { pulse } = useLive();
  const query = useQuery<MeshDiagnosisAnswer>('/v1/doctor/mesh', { mark: marksOf(pulse?.marks), everyMs: 10_000 });
  if (query.kind !== 'ready') return null;
  const own = query.value.findings.filter(({ weight, calls }) => weight !== 'note' && calls.length === 0);
  if (own.length === 0) return null;
  return (
    <section class="card troubles" aria-labelledby="mesh-findings">
      <h2 id="mesh-findings">What is wrong with the control plane and proxies</h2>
      <Findings findings={own} />
    </section>
  );
}
