/** The methods of the public API that are about what calls functions by itself. */
import type { UntypedHandleCall } from "@grpc/grpc-js";
import type { tidepool } from "@tidepool/proto";
import type { Schedules } from "../triggers/schedules.ts";
import type { Subscriptions } from "../triggers/subscriptions.ts";
import type { Handlers } from "./handlers.ts";

export interface TriggerApiOptions {
  readonly schedules: Schedules;
  readonly subscriptions: Subscriptions;
}

export function triggerApi(handlers: Handlers, { schedules, subscriptions }: TriggerApiOptions) {
  return {
    putSchedule: handlers.unary(
      "PutSchedule",
      (request: tidepool.v1.PutScheduleRequest.$Properties) => schedules.put(request),
    ),
    getSchedule: handlers.unary(
      "GetSchedule",
      ({ name }: tidepool.v1.GetScheduleRequest.$Properties) => schedules.get(name),
    ),
    listSchedules: handlers.unary(
      "ListSchedules",
      ({ functionName }: tidepool.v1.ListSchedulesRequest.$Properties) =>
        Promise.resolve({ schedules: [...schedules.list(functionName ?? "")] }),
    ),
    deleteSchedule: handlers.unary(
      "DeleteSchedule",
      async ({ name }: tidepool.v1.DeleteScheduleRequest.$Properties) => {
        await schedules.remove(name);
        return {};
      },
    ),
    putSubscription: handlers.unary(
      "PutSubscription",
      (request: tidepool.v1.PutSubscriptionRequest.$Properties) => subscriptions.put(request),
    ),
    listSubscriptions: handlers.unary(
      "ListSubscriptions",
      async ({ functionName }: tidepool.v1.ListSubscriptionsRequest.$Properties) => ({
        subscriptions: await subscriptions.list(functionName ?? ""),
      }),
    ),
    deleteSubscription: handlers.unary(
      "DeleteSubscription",
      async ({ name }: tidepool.v1.DeleteSubscriptionRequest.$Properties) => {
        await subscriptions.remove(name);
        return {};
      },
    ),
  } satisfies Record<string, UntypedHandleCall>;
}
