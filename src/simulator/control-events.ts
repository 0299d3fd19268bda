import { type ControlSurface, findOr404 } from './control-calls.js';
import { eventMembers } from './event-body.js';
import { listPage, readPageRequest } from './list-page.js';
import { badRequest } from './provider-error.js';
import type { EventRecord } from './records.js';
import type { RequestFields } from './request-fields.js';
import { eventControlView } from './wire-views.js';

/** Control calls that show events and their deliveries, send them again, release held ones and forge some. */
export function registerEventControl(surface: ControlSurface): void {
  const { state, delivery, events } = surface.core;
  const view = (event: EventRecord): object => ({
    ...eventControlView(event),
    body: eventMembers(state, event),
  });
  surface.on('GET', '/events', ({ query }) => {
    const page = readPageRequest(query);
    const type = query.optionalText('type');
    const subject = query.optionalText('subject');
    const deliveryState = query.optionalText('delivery');
    query.end();
    const where = (event: EventRecord): boolean =>
      (type === undefined || event.type === type) &&
      (subject === undefined || event.subject?.id === subject) &&
      (deliveryState === undefined || event.delivery === deliveryState);
    return listPage(state.events, page, { url: '/_simulator/events', view, filter: { where } });
  });
  surface.on('GET', '/events/{id}', ({ id }) => view(findOr404(state.events.get(id), 'event')));
  surface.onAsync('POST', '/events/{id}/resend', async ({ id, fields }) => {
    const signature = readSignature(fields);
    fields.end();
    findOr404(state.events.get(id), 'event');
    return { id, attempt: await delivery.sendOnce(id, signature) };
  });
  surface.on('POST', '/events/release', ({ fields }) => {
    const order = fields.optionalChoice('order', ['oldestFirst', 'newestFirst']) ?? 'oldestFirst';
    fields.end();
    return { released: delivery.releaseHeld(order === 'newestFirst') };
  });
  surface.onAsync('POST', '/events/forge', async ({ fields }) => {
    const signature = readSignature(fields);
    const event = {
      type: fields.text('type'),
      data: fields.json('data'),
      livemode: fields.optionalBoolean('livemode'),
      id: fields.optionalText('id'),
    };
    fields.end();
    if (event.id !== undefined && state.events.has(event.id)) throw badRequest('the id exists already', 'id');
    const forged = events.forge(event);
    return { id: forged.id, attempt: await delivery.sendOnce(forged.id, signature) };
  });
}

function readSignature(fields: RequestFields): 'valid' | 'wrong' | 'none' {
  return fields.optionalChoice('signature', ['valid', 'wrong', 'none']) ?? 'valid';
}
