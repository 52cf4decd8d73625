/** What the server tells a grown-up's pages, as it comes over HTTP. The reference is docs/reference/http-api.md. */
import type { Limits } from "../shared/limits.js";
import type { Card } from "../shared/parts.js";

export type AgeGroup = "5-8" | "9-12" | "13-15" | "16-17" | "adult";
export type HowKnown = "class" | "club" | "family" | "neighbour" | "family_friend" | "other";
export type Answer = "camera" | "voice" | "no";

export interface Me { kind: "child" | "guardian" | "trusted_adult"; name: string; avatar: number; ground: number; group: AgeGroup; demo: boolean; household: boolean; own?: string }
export interface Child { id: string; name: string; avatar: number; ground: number; group: AgeGroup; consent: { given_on: string; version: string; withdrawn: boolean }; reach: "approve" | "discuss" | "teen_led"; objected: boolean }
export interface Family { me: Me; children: Child[]; decisions: number; household?: { country: string; time_zone: string } }

export interface Yes extends Card { slot: "child" | "other" | "their_grown_up" | "you"; answer: "yes" | "voice" | "no" | "not_yet" }
export interface Decision {
  id: string; child: (Card & { id: string }) | null;
  other: Card & { group: AgeGroup; adult: boolean; looked_after_by: string | null; families: number };
  yeses: Yes[]; child_says: HowKnown | null; other_says: HowKnown | null; opened_by: "code" | "link"; opened_at: string; mine: "guardian" | "self";
}
export interface Contact {
  ref: string; name: string; avatar: number; ground: number; group: AgeGroup; looked_after_by: string | null; voice: boolean; video: boolean;
  voice_allowed_by_others: boolean; video_allowed_by_others: boolean; until: string; state: "approved" | "asked";
  supervision: "free" | "ask" | "present"; grown_up: boolean; own: boolean; myself: boolean; vouched: boolean; present_until: number | null; paused: null | "assurance" | "families";
  pictures?: { can: boolean; waits: boolean; doubt: Doubt | null };
}
export type Doubt = "ours" | "theirs" | "both";
/** How a comparison of pictures stands, as one side sees it. */
export interface Exchange {
  step: "none" | "committed" | "answered" | "opened"; id: string | null; part: "first" | "second" | "other" | null;
  commitment: string | null; key: string | null; random: string | null; said: "same" | "differ" | null; they_said: "same" | "differ" | null;
  doubt: Doubt | null; left: number; expires_at: number | null;
}
export interface Device { id: string; child: { id: string; name: string }; label: string; last_used_on: string | null; this: boolean }
export interface SignIn { id: string; label: string; last_used_on: string | null; this: boolean }
export interface LiveCall { call: string; child: { id: string; name: string }; with: { name: string }[]; video: boolean; minutes: number }
export interface PastCall { with: string[]; started_at: string; minutes: number }
/** A child who wants to call and must ask first. */
export interface ToAllow { id: string; child: Card & { id: string; name: string }; with: Card & { name: string }; ref: string; kind: "ask" | "present"; asked_at: number }
export interface Blocked { ref: string; name: string; avatar: number; ground: number; at: number }
export interface Person { ref: string; name: string; avatar: number; ground: number; voice: boolean; video: boolean; adult: boolean; until: string; own: boolean; pictures?: { can: boolean; waits: boolean; doubt: Doubt | null } }

/** Everything that pages look up, by name. `contacts` and `history` are about one child, `pictures` about one contact. */
export interface Facts {
  me: Me; family: Family; decisions: Decision[]; contacts: Contact[]; devices: Device[]; sessions: SignIn[]; live: LiveCall[]; history: PastCall[]; people: Person[];
  limits: Limits; toAllow: ToAllow[]; blocks: Blocked[]; pictures: Exchange;
}
