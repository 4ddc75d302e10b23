"""Fetches an X.509-SVID and a JWT-SVID as py-spiffe does it in a program that is told nothing but SPIFFE_ENDPOINT_SOCKET."""

from spiffe import WorkloadApiClient

client = WorkloadApiClient()
print(f"x509={client.fetch_x509_svid().spiffe_id} jwt={client.fetch_jwt_svid({'db'}).spiffe_id}", flush=True)
client.close()
