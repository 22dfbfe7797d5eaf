/** Describes the functions of a folder; not a part of their code. */
export const projectFileName = "tidepool.yaml";
