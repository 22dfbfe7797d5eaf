export { codeKeyDigits, codeKeyOf, place } from "./place.ts";
export type { HostView, Placement, PlacementReason, PlacementRequest } from "./place.ts";
