/** What the server tells the inspector's pages, as it comes over HTTP. The reference is docs/reference/http-api.md. */

/** How a law stands; `ours`: nobody asks for it, we chose it. */
export type LawStatus = "in_force" | "proposed" | "announced" | "ours";
/** `not_proven`: nothing has shown it, or it could not be seen. `broken`: its proof showed the opposite. */
export type Outcome = "proven" | "not_proven" | "broken";
export type Verdict = "allow" | "deny";
export type Value = string | number | boolean;

export interface Cited { id: string; code: string; says: string; status: LawStatus; since: string; unverified: boolean }
export interface Proof { outcome: Outcome; at: number | null; why: string }
export interface Rule { id: string; effect: "permit" | "forbid"; child: string; grown_up: string; sources: Cited[]; condition: string; verbs: string[]; bands: string[] }
/** One value of the age bands: what it is, what it is set to for this band, and why. */
export interface Age { band: string; what: string; value: Value; why: string; source: string }
export interface Promised {
  id: string; to: ("child" | "parent" | "regulator")[]; sentence: string; child: string; sources: Cited[];
  rules: string[]; tests: string[]; scenarios: string[]; not_shown: string; proof: Proof;
}
export interface Measure { code: string; id: string; says: string; status: LawStatus; since: string; unverified: boolean; promises: { id: string; outcome: Outcome }[]; rules: string[] }

export interface Situation { verb: string; facts: Record<string, readonly Value[]>; start: Record<string, Value> }
export interface Turn { fact: string; from: Value; to: Value; verdict: Verdict }
export interface Judged { verdict: Verdict; rules: { id: string; child: string; grown_up: string; sources: Cited[] }[]; turns: Turn[] }

export interface Decided { seq: number; at: number; verb: string; verdict: Verdict; rules: string[] }

export interface Measured { name: string; unit: string; values: number[]; aim: number | null }
export interface Step { kind: "control" | "attack"; tried: string; seen: string; as_promised: boolean | null }
export interface Finding { scenario: string; title: string; outcome: Outcome; why: string; steps: Step[]; measured: Measured[] }
/** The signed report, as far as it is shown here: how each promise in scope stands, and each story. */
export interface Report { verdicts: Record<string, Outcome>; findings: Finding[] }
export interface Run {
  id: string; begun_at: number; all: number; done: boolean; outcome: Outcome | null; opened: boolean;
  now: { scenario: string; title: string; tried: string }[];
  progress: { scenario: string; title: string; outcome: Outcome; seconds: number }[]; to_come: string[]; report: Report | null;
}

export interface Checkpoint { size: number; root: string; at: number; note: string }

/** Everything that pages look up, by what comes after /api/inspector/. */
export interface Facts {
  session: { label: string; until: number };
  rules: { rulebook: string; rules: Rule[]; ages: Age[] };
  situations: { rulebook: string; verbs: Situation[] };
  promises: { promises: Promised[] };
  measures: { looked_at: string; measures: Measure[] };
  transparency: { from: string; until: string; days: number; tables: { name: string; rows: { name: string; count: number | null }[] }[] };
  decisions: { days: number; listed_from: number; decisions: Decided[]; next: string | null };
  inspections: { inspections: { id: string; begun_at: number; outcome: Outcome | null }[] };
  record: { checkpoints: Checkpoint[]; keys: { key: string; since: number }[]; chains: number; rows: number; covered: number; whole: boolean; why: string };
}
