"""Watches a Workload API as py-spiffe does it, and prints each X.509 context that it is given, one a line.

    watch.py unix:///path
"""

import json
import sys
import threading

from spiffe import WorkloadApiClient


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


client = WorkloadApiClient(sys.argv[1])
watch = client.stream_x509_contexts(told, failed)
threading.Event().wait()
