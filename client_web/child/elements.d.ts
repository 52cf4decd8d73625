/** The child's own tags, for the check. */
import type { RfChildApp } from "./app.js";
import type { RfAsk, RfAsks } from "./views/rf-asks.js";
import type { RfChildHome } from "./views/rf-child-home.js";
import type { RfAddFriend, RfEnterCode, RfFriendCode } from "./views/rf-codes.js";
import type { RfMe, RfMyPicture } from "./views/rf-me.js";
import type { RfNotHere, RfQuietField, RfWhoSeesWhat } from "./views/rf-pages.js";
import type { RfPairing } from "./views/rf-pairing.js";
import type { RfWhoSaidYes } from "./views/rf-who-said-yes.js";

declare global {
  interface HTMLElementTagNameMap {
    "rf-add-friend": RfAddFriend;
    "rf-ask": RfAsk;
    "rf-asks": RfAsks;
    "rf-child-app": RfChildApp;
    "rf-child-home": RfChildHome;
    "rf-enter-code": RfEnterCode;
    "rf-friend-code": RfFriendCode;
    "rf-me": RfMe;
    "rf-my-picture": RfMyPicture;
    "rf-not-here": RfNotHere;
    "rf-pairing": RfPairing;
    "rf-quiet-field": RfQuietField;
    "rf-who-said-yes": RfWhoSaidYes;
    "rf-who-sees-what": RfWhoSeesWhat;
  }
}
