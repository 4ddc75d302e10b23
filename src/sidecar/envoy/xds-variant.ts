// The variants of xDS that a sidecar's Envoy can speak: everything on one stream (ADS), or a stream of its own for each thing that it
// asks for, over the service of its type; and either in delta or in state-of-the-world.
export const xdsVariants = ['delta', 'sotw', 'single-delta', 'single-sotw'] as const;

export type XdsVariant = (typeof xdsVariants)[number];
