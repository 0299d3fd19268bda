import { type ControlSurface, findOr404 } from './control-calls.js';
import { FAULT_KINDS, type FaultKind } from './fault-kinds.js';
import { badRequest } from './provider-error.js';
import type { FaultRecord } from './records.js';
import type { RequestFields } from './request-fields.js';

const KINDS = Object.keys(FAULT_KINDS) as FaultKind[];
const MAX_TIMES = 1_000_000;
const MAX_DELAY_MS = 600_000;
const MAX_RETRY_AFTER_SECONDS = 86_400;

/** Control calls that order faults, show those still waiting, and take them back. */
export function registerFaultControl(surface: ControlSurface, endpoints: readonly string[]): void {
  const { faults, state } = surface.core;
  surface.on('POST', '/faults', ({ fields }) => faults.add(readFault(fields, endpoints)));
  surface.on('GET', '/faults', () => ({ data: faults.active() }));
  surface.on('DELETE', '/faults', () => ({ removed: faults.remove() }));
  surface.on('DELETE', '/faults/{id}', ({ id }) => {
    findOr404(state.faults.get(id), 'fault');
    return { removed: faults.remove(id) };
  });
}

function readFault(fields: RequestFields, endpoints: readonly string[]): Omit<FaultRecord, 'id'> {
  const kind = fields.choice('kind', KINDS);
  const onWebhook = FAULT_KINDS[kind] === 'webhook';
  const endpoint = onWebhook ? null : fields.choice('endpoint', [...endpoints, '*']);
  const eventType = onWebhook ? fields.optionalText('eventType') : undefined;
  const externalOrderId = onWebhook ? undefined : fields.optionalText('externalOrderId');
  const fault = {
    kind,
    endpoint,
    eventType: eventType ?? null,
    externalOrderId: externalOrderId ?? null,
    remaining: fields.optionalInteger('times', 1, MAX_TIMES) ?? 1,
    status: fields.optionalInteger('status', 200, 599),
    message: fields.optionalText('message'),
    retryAfterSeconds: fields.optionalInteger('retryAfterSeconds', 0, MAX_RETRY_AFTER_SECONDS),
    wrapped: fields.optionalBoolean('wrapped') ?? false,
    delayMs: fields.optionalInteger('delayMs', 0, MAX_DELAY_MS),
  };
  fields.end();
  const delays = kind === 'delayBeforeEffect' || kind === 'delayAfterEffect' || kind === 'webhookDelayed';
  if (delays !== (fault.delayMs !== undefined)) {
    throw badRequest(`delayMs ${delays ? 'is required' : 'does not apply'} for the kind ${kind}`, 'delayMs');
  }
  return fault;
}
