// The roots of the CA, and their rotation.
import { defined } from '../../lib/defined.ts';
import { CellwallError } from '../../lib/errors.ts';
import { parseDuration } from '../../model/duration.ts';
import { authored } from '../caller.ts';
import type { AdminDeps } from '../deps.ts';
import type { RootsAdmin } from '../deps-ca.ts';
import { ok, type Route, route } from '../route.ts';
import { abortRotationBodySchema, caSchema, rotateRootBodySchema } from '../wire-ca.ts';

const longestQuietMs = 7 * 86_400_000;

export function caRoutes({ ca, audit, log }: AdminDeps): readonly Route[] {
  const roots = (): RootsAdmin => {
    const found = ca?.();
    if (found !== undefined) return found;
    throw new CellwallError('unavailable', 'the control plane is not serving yet', { hint: 'try again in a moment' });
  };
  return [
    route({
      method: 'GET',
      url: '/v1/ca',
      access: 'viewer',
      summary: 'The roots of the CA, and how far the rotation of the root has come: who holds it up.',
      answer: caSchema,
      errors: [503],
      handle: () => ok(roots().status()),
    }),
    route({
      method: 'POST',
      url: '/v1/ca/rotate',
      access: 'admin',
      summary: 'Begin to replace the root of the CA: each phase waits until nobody would be cut off by the next.',
      body: rotateRootBodySchema,
      answer: caSchema,
      errors: [412, 503],
      async handle({ body, caller }) {
        const quietMs = parseDuration(body.quiet);
        if (quietMs === undefined || quietMs > longestQuietMs) {
          throw new CellwallError('invalid_argument', `"quiet" is no duration up to 7d: ${body.quiet}`, {
            hint: 'a whole number and s, m, h or d, as in "10m"',
          });
        }
        const { author: by, reason } = authored(caller, body.reason);
        const compromised = body.compromised ? { compromised: true as const } : {};
        const answer = await roots().rotate({
          by,
          quietMs: body.compromised ? 0 : quietMs,
          ...compromised,
          ...defined({ reason }),
        });
        log.warn({ by, ...compromised }, 'the rotation of the root begins');
        return ok(answer);
      },
    }),
    route({
      method: 'POST',
      url: '/v1/ca/rotate/abort',
      access: 'admin',
      summary: 'Go back to the old root, while its key is there: at once, or by moving everybody back.',
      body: abortRotationBodySchema,
      answer: caSchema,
      errors: [412, 503],
      async handle({ body, caller }) {
        const by = authored(caller, body.reason);
        const answer = await roots().abort();
        await audit.append({ kind: 'root-rotation', ...by, phase: 'abort', cut: [] });
        return ok(answer);
      },
    }),
  ];
}
