// The variants of xDS that a sidecar's Envoy can use: everything on one stream (ADS), or a separate stream for each type, over the service
// for that type; and either in delta or in state-of-the-world.
export const xdsVariants = ['delta', 'sotw', 'single-delta', 'single-sotw'] as const;

export type XdsVariant = (typeof xdsVariants)[number];
