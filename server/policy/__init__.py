"""The rules of the safe account. This page says how to read them; nothing else in the project needs to be known first.

**What is here.**

- ``safe_account.cedar``: the rules, in Cedar, an open language for such rules. Start there: it is meant to be read from the
  top by somebody who has never programmed. Each rule has an id that never changes, one sentence for a child and one for a
  grown-up, its sources, and one condition.
- ``safe_account.cedarschema``: the facts that a rule may look at, and the verbs (ring, answer, be seen by, end a contact, ...)
  in groups. A rule that looks at a fact that is not there does not load.
- ``bands.toml``: what changes with age, each value with its reason, source, date and status. ``countries/*.toml``: what a
  country changes of it; a looser value needs a line that says by what right.
- ``facts.py``: the same facts in Python, frozen. ``decide.py``: from a question to a decision. ``bands.py``: reads the bands and
  the countries. ``lines.py``: where in these files something stands, so that an error names its line.
- ``explain.py``: prints the rulebook for people (``docs/reference/rulebook.md``), and explains one answer. ``vectors.py``: reads
  and asks the conformance vectors.
- ``support.toml``: who helps a child outside of this service, by country. No rule reads it (``server/support.py`` does).
- ``situations.py``: every situation there can be, as sets. ``prove.py``: what we promise families, shown to hold in all of them,
  and held against the engine. ``diff.py``: in which situations two rulebooks differ. ``ringfence policy`` runs these; none of
  them is needed to decide.

**How an answer comes about.** A question is a verb and facts: who asks, who or what is concerned, what the families have
agreed, which call. *May X reach Y?* is asked for every ordered pair of people in a call: a call is the set of its pairs, so
nobody comes in by knowing only one of the others. A stage has two questions of its own, *may X be on it?* (``Host``) and *may X
watch Y on it?* (``Watch``); a helper's work has one, *may X do this in that case?* (``Handle``), and an inspector's one, *may X
look at this?* (``Inspect``). Everything else is *may X do this to that?* (``Act``). If any forbid holds, the answer is no, and
all forbids that hold are its reasons. If none holds and a permit does, the answer is yes. If nothing holds, the answer is no
(``no-permit``). If anything goes wrong on the way, the answer is no (``rule-broken``).

**What the rules never see.** No clock, no database, no network, no name. The asker puts the facts in, the time as "is the yes
still within its year?". What could not be read is put in as the unsafe value: an unknown age is the youngest band.

**What nobody can switch off.** There is no setting, flag or role in a rule's condition that lifts it. Help, report, block,
leave and sign-out are asked of nobody. Recording, searching and adding somebody unasked are refused to everybody.

**To add a rule:** write it in ``safe_account.cedar``. If it needs a new fact, add the fact to the schema and to ``facts.py``
and fill it in ``server/facts.py``. If it needs a new verb, add one line to the schema and one to ``Verb``. Then add vectors to
``tests/conformance/`` that say whom it protects; the tests fail until some vector changes its answer without the rule.
If it keeps a promise to families that is not yet in ``prove.py``, write the promise there, in other words than the rule's.

**To take it elsewhere:** the ``.cedar`` and ``.cedarschema`` files and the vectors are all you need, in Go, Rust, Java or
JavaScript. Only remember what ``decide.py`` does about errors: Cedar alone skips a broken forbid.
"""

from server.policy.bands import BrokenRulebook
from server.policy.decide import Decision, Rulebook, load
from server.policy.facts import Act, Host, Question, Reach, Verb, Watch

__all__ = [
    "Act",
    "BrokenRulebook",
    "Decision",
    "Host",
    "Question",
    "Reach",
    "Rulebook",
    "Verb",
    "Watch",
    "load",
]
