"""Watches a Workload API as py-spiffe does it, and prints each X.509 context that it is given, one a line.
With an audience it fetches a JWT-SVID, has the API validate it, verifies it by the bundle, and prints that.

    watch.py unix:///path [AUDIENCE]
"""

import json
import sys
import threading

from spiffe import JwtSvid, WorkloadApiClient


def told(context) -> None:
    svid = context.default_svid
    bundle = context.x509_bundle_set.get_bundle_for_trust_domain(svid.spiffe_id.trust_domain)
    line = {
        "id": str(svid.spiffe_id),
        "serial": format(svid.leaf.serial_number, "x"),
        "roots": len(bundle.x509_authorities),
    }
    print(json.dumps(line), flush=True)


def failed(error: Exception) -> None:
    print(error, file=sys.stderr, flush=True)


def jwt(client, audience: str) -> None:
    svid = client.fetch_jwt_svid({audience})
    validated = client.validate_jwt_svid(svid.token, audience)
    bundle = client.fetch_jwt_bundles().get_bundle_for_trust_domain(svid.spiffe_id.trust_domain)
    verified = JwtSvid.parse_and_validate(svid.token, bundle, {audience})
    refused = False
    try:
        client.validate_jwt_svid(svid.token, audience + "-of-others")
    except Exception:
        refused = True
    line = {
        "id": str(svid.spiffe_id),
        "api": str(validated.spiffe_id),
        "verified": str(verified.spiffe_id),
        "audience": list(verified.audience),
        "refused": refused,
    }
    print(json.dumps(line), flush=True)


client = WorkloadApiClient(sys.argv[1])
if len(sys.argv) > 2:
    jwt(client, sys.argv[2])
    sys.exit(0)
watch = client.stream_x509_contexts(told, failed)
threading.Event().wait()
