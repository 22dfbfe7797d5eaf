export { createHistory, grainDefaultMs } from "./history.ts";
export type { History, Pattern, Tick } from "./history.ts";
export { forgetPattern, observe, remember } from "./observe.ts";
export { forecast, forecastPolicyDefault } from "./forecast.ts";
export type { Evidence, Forecast, ForecastPolicy } from "./forecast.ts";
