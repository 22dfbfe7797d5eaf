export { clairvoyant } from "./clairvoyant.ts";
export { fourier } from "./fourier.ts";
export { hybridHistogram, hybridStandardKnob } from "./hybrid-histogram.ts";
export { keepAlive, keepAliveKnob, keepAliveMinutes } from "./keep-alive.ts";
