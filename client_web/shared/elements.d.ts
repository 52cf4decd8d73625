/** Every tag of ours and its class, so that a misspelt one fails the check. tests/browser/test_look_pages.py reads this list too. */
import type { RfCall } from "./call_screens/rf-call.js";
import type { RfCurtain } from "./call_screens/rf-curtain.js";
import type { RfEnded } from "./call_screens/rf-ended.js";
import type { RfHelp } from "./call_screens/rf-help.js";
import type { RfInCall } from "./call_screens/rf-in-call.js";
import type { RfLookAtMyself } from "./call_screens/rf-look-at-myself.js";
import type { RfPicture } from "./call_screens/rf-picture.js";
import type { RfRinging } from "./call_screens/rf-ringing.js";
import type { RfSeenBy } from "./call_screens/rf-seen-by.js";
import type { RfSelf } from "./call_screens/rf-self.js";
import type { RfRead } from "./rf-read.js";

declare global {
  interface HTMLElementTagNameMap {
    "rf-call": RfCall;
    "rf-curtain": RfCurtain;
    "rf-ended": RfEnded;
    "rf-help": RfHelp;
    "rf-in-call": RfInCall;
    "rf-look-at-myself": RfLookAtMyself;
    "rf-picture": RfPicture;
    "rf-read": RfRead;
    "rf-ringing": RfRinging;
    "rf-seen-by": RfSeenBy;
    "rf-self": RfSelf;
  }
}
