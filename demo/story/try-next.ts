// What `--keep` prints: commands to try against the mesh that stays up.
import { readFileSync } from 'node:fs';
import type { World } from '../house/world.ts';
import type { Coverage } from './coverage.ts';

/** With the admin token: it is of this run alone, and worth nothing when that ends. */
export function tryNext(
  { controlPlane, folder, documentsFolder, outbound, inbound, clients }: World,
  files: Coverage['files'] | undefined,
): string {
  const router = `${folder}/clients/httpRouter`;
  const token = readFileSync(`${folder}/control-plane/admin.token`, 'utf8').trim();
  return `
It stays up until Ctrl-C.
  the page  http://${controlPlane.addresses.admin}/
  token     ${token}

In another terminal:

  export CELLWALL_ADMIN=${controlPlane.addresses.admin} CELLWALL_DATA=${folder}/control-plane
  npm run --silent cellwall -- page     # an address that signs a browser in, without the token
  npm run --silent cellwall -- status
  npm run --silent cellwall -- explain cell-2/gitlab cell-1/gitaly
  npm run --silent cellwall -- certs list

${reportOf(files)}  # as GitLab Shell: plaintext to its own sidecar, mTLS from there
  curl -i -d '{}' http://${outbound('gitlab-shell', 'cell-1/gitlab')}/api/v4/internal/allowed

  # as the HTTP Router (${clients.httpRouter.spiffeId})
  curl -sk --cert ${router}/svid.pem --key ${router}/key.pem \\
    -H 'content-type: application/json' -d '{"type":"FIRST_CELL"}' https://${inbound('topology-service:rest')}/v1/classify

  # edit a policy and see it in force
  $EDITOR ${documentsFolder}/cell-1.yaml
`;
}

function reportOf(files: Coverage['files'] | undefined): string {
  if (files === undefined) return '';
  return `  # the report, as an auditor gets it, and whether it is genuine
  npm run --silent cellwall -- audit verify-report ${files.html} --bundle ${files.roots}

`;
}
