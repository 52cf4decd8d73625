/**
 * Countries and time zones to choose from. A country decides which country pack of the rules is added to the age bands; the zone decides
 * what time it is in the home. Names come from the browser; nothing is guessed from where the device is.
 */

/** ISO 3166-1, two letters. */
const COUNTRIES = `
  AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ CA CC CD CF CG CH
  CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN
  GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI
  LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM
  PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD
  TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW`.trim().split(/\s+/);

/** @typedef {{value: string, words: string}} Choice */

/** @returns {Choice[]} by name */
export function countries() {
  const names = new Intl.DisplayNames(["en-GB"], { type: "region" });
  return COUNTRIES.map((value) => ({ value, words: names.of(value) ?? value })).sort((a, b) => a.words.localeCompare(b.words, "en-GB"));
}

/** @param {string} code */
export const countryName = (code) => new Intl.DisplayNames(["en-GB"], { type: "region" }).of(code) ?? code;

/** "Europe/Isle_of_Man" as people read it. @param {string} zone */
export const zoneName = (zone) => zone.replaceAll("_", " ").split("/").reverse().join(", ");

/** Zones of this browser, and the one that is set, even if the browser does not know it. @param {string} set @returns {Choice[]} by name */
export function zones(set) {
  const known = new Set([set, ...Intl.supportedValuesOf("timeZone")]);
  return [...known].map((value) => ({ value, words: zoneName(value) })).sort((a, b) => a.words.localeCompare(b.words, "en-GB"));
}
