import type { ClosableTimers } from './closable-timers.js';
import type { Store } from './store.js';
import type { WebhookDelivery } from './webhook-delivery.js';

/** The simulated provider without its HTTP surfaces. */
export interface Simulation {
  readonly store: Store;
  readonly timers: ClosableTimers;
  readonly delivery: WebhookDelivery;
}
