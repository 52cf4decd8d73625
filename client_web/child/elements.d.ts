/** The child's own tags, for the check. */
import type { RfChildApp } from "./app.js";
import type { RfAskFirst } from "./views/rf-ask-first.js";
import type { RfAsk, RfAsks } from "./views/rf-asks.js";
import type { RfBlock, RfBlocked } from "./views/rf-block.js";
import type { RfChildHome } from "./views/rf-child-home.js";
import type { RfAddFriend, RfEnterCode, RfFriendCode } from "./views/rf-codes.js";
import type { RfMe, RfMyPicture } from "./views/rf-me.js";
import type { RfNotHere, RfQuietField, RfWhoSeesWhat } from "./views/rf-pages.js";
import type { RfPairing } from "./views/rf-pairing.js";
import type { RfRecorded } from "./views/rf-recorded.js";
import type { RfLead, RfMyTimes, RfQuietTime } from "./views/rf-times.js";
import type { RfWhoSaidYes } from "./views/rf-who-said-yes.js";

declare global {
  interface HTMLElementTagNameMap {
    "rf-add-friend": RfAddFriend;
    "rf-ask": RfAsk;
    "rf-ask-first": RfAskFirst;
    "rf-asks": RfAsks;
    "rf-block": RfBlock;
    "rf-blocked": RfBlocked;
    "rf-child-app": RfChildApp;
    "rf-child-home": RfChildHome;
    "rf-enter-code": RfEnterCode;
    "rf-friend-code": RfFriendCode;
    "rf-lead": RfLead;
    "rf-me": RfMe;
    "rf-my-picture": RfMyPicture;
    "rf-my-times": RfMyTimes;
    "rf-not-here": RfNotHere;
    "rf-pairing": RfPairing;
    "rf-recorded": RfRecorded;
    "rf-quiet-field": RfQuietField;
    "rf-quiet-time": RfQuietTime;
    "rf-who-said-yes": RfWhoSaidYes;
    "rf-who-sees-what": RfWhoSeesWhat;
  }
}
