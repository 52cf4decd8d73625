"""Chromium without what it draws around a page for people at a desk: two more pages behind each window's address bar, which are loaded
anew with every context and cost three times as much as a small page of ours. No test looks at them.

Chromium heeds only the last such flag, so what Playwright switches off for steadiness (``chromiumSwitches.ts``) is named again.
"""

from __future__ import annotations

from typing import Final

ADDRESS_BAR: Final = ("WebUIOmniboxPopup", "WebUIOmniboxAimPopup")
PLAYWRIGHTS: Final = (
    "AvoidUnnecessaryBeforeUnloadCheckSync", "DestroyProfileOnBrowserClose", "HttpsUpgrades", "HttpsFirstBalancedModeAutoEnable",
    "LensOverlay", "MediaRouter", "PaintHolding", "ThirdPartyStoragePartitioning", "AvoidCorsURLLoaderRestartOnRedirect",
    "OptimizationHints", "NetworkTimeServiceQuerying", "AimEnabled", "PreconnectToSearch",
)  # fmt: skip
BARE: Final = f"--disable-features={','.join((*ADDRESS_BAR, *PLAYWRIGHTS))}"
