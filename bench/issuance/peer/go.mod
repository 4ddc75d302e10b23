module issuance

go 1.26.0
