// The key under which a service is known.

/** `cell/name`, or `name` for a service in no cell. */
export type ServiceKey = string & { readonly __brand: 'ServiceKey' };
