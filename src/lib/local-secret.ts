// The SVID that a sidecar's helper gives its Envoy in a file: a secret of this name, in this file of the folder that Envoy runs in. The
// same words for every proxy, so that proxies share what refers to it.

export const localSecret = { name: 'xds-certificate', path: './xds-certificate.json' } as const;
