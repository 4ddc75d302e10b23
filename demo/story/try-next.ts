// What `--keep` prints: commands to try against the mesh that stays up.
import type { World } from '../house/world.ts';

export function tryNext({ controlPlane, folder, documentsFolder, outbound, inbound, clients }: World): string {
  const router = `${folder}/clients/httpRouter`;
  return `
It stays up until Ctrl-C. In another terminal:

  export CELLWALL_ADMIN=${controlPlane.addresses.admin} CELLWALL_DATA=${folder}/control-plane
  npm run --silent cellwall -- status
  npm run --silent cellwall -- page     # the address of the page, for your browser
  npm run --silent cellwall -- explain cell-2/gitlab cell-1/gitaly
  npm run --silent cellwall -- certs list

  # as GitLab Shell: plaintext to its own sidecar, mTLS from there
  curl -i -d '{}' http://${outbound('gitlab-shell', 'cell-1/gitlab')}/api/v4/internal/allowed

  # as the HTTP Router (${clients.httpRouter.spiffeId})
  curl -sk --cert ${router}/svid.pem --key ${router}/key.pem \\
    -H 'content-type: application/json' -d '{"type":"FIRST_CELL"}' https://${inbound('topology-service:rest')}/v1/classify

  # edit a policy and see it in force
  $EDITOR ${documentsFolder}/cell-1.yaml
`;
}
