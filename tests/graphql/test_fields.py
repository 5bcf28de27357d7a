"""Each root field: what it answers, to whom, in pages, and with how many queries."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest

from accounts.core.scopes import Scope
from accounts.services import operator_project, organisation_admit
from claims.core.contract import format_contract, parse_contract
from claims.core.model import ClaimDocument, PersonalPart
from claims.services import claim_adjudicate, claim_submit, contract_propose
from foundation.core.actor import Role
from foundation.tenancy import acting_as
from ledger.models import Entry, KeyHolder
from ledger.services import key_add
from tests.accounts.conftest import World
from tests.claims import world as plan
from tests.claims.conftest import CANARY, SEEDS, Insurer, fresh_id
from tests.conftest import NOW, Channel
from tests.graphql.conftest import Asker, counted, person, system
from tests.provenance.world import Member, commission, dispense, event, member, packs, ship

MANY = 50
PAGE = "pageInfo{hasNextPage endCursor}"


def asker_of(world: World, who: Member, *scopes: str) -> Asker:
    return system(world, who.actor, *(scopes or ("epcis:read",)))


def statements(asker: Asker, query: str, **variables: Any) -> list[str]:
    """Return what the second asking sends: the first fills what a process remembers."""
    asker.data(query, **variables)
    with counted() as sent:
        asker.data(query, **variables)
    return list(sent)


def all_pages(asker: Asker, field: str, size: int, node: str = "id") -> list[Any]:
    """Return the nodes of a list, page by page."""
    head, _, arguments = field.partition("(")
    more = f",{arguments[:-1]}" if arguments else ""
    query = (
        f"query($n:Int,$a:String){{{head}(first:$n,after:$a{more})"
        f"{{edges{{cursor node{{{node}}}}} {PAGE}}}}}"
    )
    found: list[Any] = []
    after = None
    while True:
        page = asker.data(query, n=size, a=after)[head]
        assert len(page["edges"]) <= size
        found += [edge["node"] for edge in page["edges"]]
        if not page["pageInfo"]["hasNextPage"]:
            return found
        assert page["pageInfo"]["endCursor"] == page["edges"][-1]["cursor"]
        after = page["pageInfo"]["endCursor"]


def test_me_says_who_asks(world: World) -> None:
    organisation = world.admit()
    text = "{me{kind organisationId personId apiKeyId roles scopes}}"
    key = system(world, organisation, "epcis:read", "claims:read")
    me = key.data(text)["me"]
    assert (me["kind"], me["personId"], me["roles"]) == ("organisation", None, [])
    assert me["organisationId"] == str(organisation.organisation_id)
    assert me["scopes"] == ["claims:read", "epcis:read"]
    alice = person(world, organisation, Role.PHARMACIST).data(text)["me"]
    assert (alice["apiKeyId"], alice["roles"]) == (None, ["pharmacist"])


def test_an_organisation_is_ones_own_or_named(world: World, channel: Channel) -> None:
    mine, other = member(channel, "pharmacy"), member(channel, "wholesaler")
    asker = asker_of(world, mine)
    assert asker.data("{organisation{gln kind npi}}")["organisation"] == {
        "gln": mine.gln,
        "kind": "pharmacy",
        "npi": None,
    }
    text = "query($id:UUID){organisation(id:$id){gln}}"
    found = asker.data(text, id=str(other.actor.organisation))["organisation"]
    assert found == {"gln": other.gln}
    assert asker.code(text, id=str(uuid4())) == "NOT_FOUND"


def test_the_members_are_listed_page_by_page_each_once(world: World) -> None:
    ours = {str(world.admit().organisation_id) for _ in range(3)}
    asker = system(world, world.admit())
    names = all_pages(asker, "members", 2, "id name")
    assert len({each["id"] for each in names}) == len(names)
    assert ours <= {each["id"] for each in names}
    keys = [(each["name"], each["id"]) for each in names]
    assert keys == sorted(keys)


def test_keys_are_listed_oldest_first(world: World) -> None:
    organisation = world.admit()
    asker = system(world, organisation)
    for _ in range(3):
        key_add(actor=organisation, holder=KeyHolder.SYSTEM, now=NOW)
    world.channel.sequence()
    field = f'keys(organisationId:"{organisation.organisation_id}")'
    found = all_pages(asker, field, 2, "keyId addedIndex holder publicKey revokedIndex")
    assert len(found) == 4
    indices = [each["addedIndex"] for each in found]
    assert indices == sorted(indices)
    assert {each["holder"] for each in found} == {"system"}


def test_the_checkpoint_and_the_proof_of_an_entry_agree(world: World, channel: Channel) -> None:
    maker = member(channel, "manufacturer")
    entry_id = maker.record(commission(packs(1))).receipt.entry_ids[0].hex()  # type: ignore[union-attr] # it wrote
    asker = asker_of(world, maker)
    text = """query($id:Hash!){
        checkpoint{size rootHash note signedAt}
        proof(entryId:$id){entryId kind organisationId logIndex hashes url checkpoint{rootHash}}
    }"""
    assert asker.code(text, id=entry_id) == "NOT_SEQUENCED"
    channel.sequence()
    found = asker.data(text, id=entry_id)
    proof, head = found["proof"], found["checkpoint"]
    assert proof["checkpoint"]["rootHash"] == head["rootHash"]
    assert (proof["entryId"], proof["kind"]) == (entry_id, "provenance.event.captured.v1")
    assert proof["logIndex"] < head["size"]
    assert f"\n{head['size']}\n" in head["note"]
    file = asker.client.get(proof["url"])
    assert file.status_code == 200
    assert asker.code(text, id="ab" * 32) == "UNKNOWN_ENTRY"


def test_a_pack_is_answered_by_its_epc_or_its_scan(world: World, channel: Channel) -> None:
    maker, pharmacy = member(channel, "manufacturer"), member(channel, "pharmacy")
    (epc,) = packs(1)
    maker.record(commission([epc]), ship([epc], pharmacy, 1))
    text = """query($epc:String,$scan:String){pack(epc:$epc,scan:$scan,question:TAKE_IN){
        epc verdict{answer rule text nextStep evidence} exceptions{exceptionClass meaning nextStep}
        events{eventID type action bizStep disposition eventTime
          organisationId entryId document}}}"""
    found = asker_of(world, pharmacy).data(text, epc=epc)["pack"]
    assert (found["verdict"]["answer"], found["verdict"]["rule"]) == ("YES", "addressee")
    # The receiver is a party to the shipment, not to the commissioning.
    assert [each["bizStep"] for each in found["events"]] == ["shipping"]
    assert found["events"][0]["document"]["epcList"] == [epc]
    assert len(found["verdict"]["evidence"]) == 1
    scan = epc.replace("https://id.gs1.org/01/", "(01)").replace("/21/", "(21)")
    assert asker_of(world, pharmacy).data(text, scan=scan)["pack"] == found
    for bad in ({}, {"epc": epc, "scan": epc}, {"scan": ""}, {"scan": "x" * 9_000}):
        assert asker_of(world, pharmacy).code(text, **bad) == "BAD_INPUT"


def test_a_broken_rule_is_shown_to_whom_the_event_is(world: World, channel: Channel) -> None:
    maker, thief = member(channel, "manufacturer"), member(channel, "pharmacy")
    stranger = member(channel, "pharmacy")
    (epc,) = packs(1)
    maker.record(commission([epc]))
    thief.record(dispense(epc, 5))
    text = (
        "query($e:String){pack(epc:$e){exceptions{exceptionClass meaning nextStep} events{type}}}"
    )
    found = asker_of(world, thief).data(text, e=epc)["pack"]
    assert [each["exceptionClass"] for each in found["exceptions"]] == ["not_holder"]
    assert asker_of(world, stranger).data(text, e=epc)["pack"] == {"exceptions": [], "events": []}


def test_events_come_in_pages_and_only_ones_own(world: World, channel: Channel) -> None:
    maker, stranger = member(channel, "manufacturer"), member(channel, "pharmacy")
    epcs = packs(5)
    maker.record(*(commission([epc]) for epc in epcs))
    found = all_pages(asker_of(world, maker), "events", 2, "eventID document")
    assert [each["document"]["epcList"] for each in found] == [[epc] for epc in epcs]
    assert all_pages(asker_of(world, stranger), "events", 2, "eventID") == []
    one = all_pages(asker_of(world, maker), f'events(epc:"{epcs[3]}")', 2, "eventID")
    assert one == [{"eventID": found[3]["eventID"]}]
    assert asker_of(world, maker).code('{events(epc:"no"){edges{cursor}}}') == "EPC"


@pytest.mark.parametrize("field", ["events", "claims", "contracts", "members", "keys"])
@pytest.mark.parametrize(
    "arguments",
    [
        *("first:0", "first:-1", "first:101", 'after:"!"', 'after:"é"', 'after:""', 'after:"e30"'),
        *('after:"W10"', 'after:"WzEsMiwzXQ"', 'after:"WyJhIiwiYiJd"', 'after:"WzFlOTk5XQ"'),
        *('after:"Wy0xLCJhIl0"', 'after:"Wzk5OTk5OTk5OTk5OTk5OTk5OTk5XQ"'),
        'after:"WyJcdTAwMDAiLCJcdTAwMDAiXQ"',
    ],
)
def test_a_page_that_cannot_be_is_refused(world: World, field: str, arguments: str) -> None:
    asker = system(world, world.admit())
    code = asker.code(f"{{{field}({arguments}){{edges{{cursor}}}}}}")
    assert code == ("BAD_INPUT" if arguments.startswith("first") else "BAD_CURSOR")


def insurer_of(world: World, make: Callable[[], Insurer]) -> tuple[Insurer, Asker]:
    insurer = make()
    return insurer, system(world, insurer.actor, Scope.CLAIMS_READ, Scope.CLAIMS_WRITE)


def test_a_claim_is_listed_decided_and_disclosed(
    world: World, new_insurer: Callable[[], Insurer]
) -> None:
    insurer, asker = insurer_of(world, new_insurer)
    contract_id = insurer.in_force()
    insurer.covers()
    first, second = insurer.takes(), insurer.takes(insurer.claim(claim_id="A2"))
    text = """query($id:UUID!){claim(id:$id){id status billedAmount paidAmount entryId
        decision{status asOf contractId billedAmount paidAmount patientAmount needed receipt
          lines{number status billedAmount allowedAmount paidAmount undecidedAmount
            adjustments{groupCode reasonCode remarkCode amount}
            rules{rule outcome clause codes needed shown entryIds}}}}}"""
    before = entries(insurer)
    found = asker.data(text, id=str(first))["claim"]
    assert (found["status"], found["decision"], entries(insurer)) == ("RECEIVED", None, before)
    claim_adjudicate(actor=insurer.actor, claim_id=first, seeds=SEEDS, now=NOW)
    before = entries(insurer)
    found = asker.data(text, id=str(first))["claim"]
    decision = found["decision"]
    assert (found["status"], decision["status"]) == ("PAID", "PAID")
    assert (decision["contractId"], found["billedAmount"]) == (contract_id, "150.00")
    line = decision["lines"][0]
    assert {each["groupCode"] for each in line["adjustments"]} == {"CO", "PR"}
    assert {each["outcome"] for each in line["rules"]} == {"passed"}
    assert entries(insurer) == before + 1
    # Without its decision a claim discloses nothing.
    asker.data("query($id:UUID!){claim(id:$id){status}}", id=str(first))
    assert entries(insurer) == before + 1
    assert [each["id"] for each in all_pages(asker, "claims", 1)] == sorted(
        (str(first), str(second))
    )
    assert all_pages(asker, "claims(status:PAID)", 1) == [{"id": str(first)}]
    assert all_pages(asker, "claims(status:RECEIVED)", 1) == [{"id": str(second)}]
    assert all_pages(asker, "claims(status:DENIED)", 1) == []


def entries(insurer: Insurer) -> int:
    with acting_as(insurer.actor):
        return Entry.objects.filter(organisation_id=insurer.actor.organisation).count()


def test_foreign_and_missing_claims_answer_alike_and_nothing_is_written(
    world: World, new_insurer: Callable[[], Insurer]
) -> None:
    insurer, _ = insurer_of(world, new_insurer)
    _, stranger = insurer_of(world, new_insurer)
    foreign = insurer.takes()
    before = entries(insurer)
    text = "query($id:UUID!){claim(id:$id){status decision{status}}}"
    answers = [stranger.ask(text, id=str(id_)) for id_ in (foreign, uuid4())]
    assert answers[0] == answers[1]
    assert answers[0]["errors"][0]["extensions"]["code"] == "NOT_FOUND"
    assert all_pages(stranger, "claims", 10) == []
    assert entries(insurer) == before


def test_contracts_are_their_insurers(world: World, new_insurer: Callable[[], Insurer]) -> None:
    insurer, asker = insurer_of(world, new_insurer)
    _, stranger = insurer_of(world, new_insurer)
    contract_id = insurer.in_force()
    (found,) = all_pages(asker, "contracts", 1, "contractId plan payer signedAs activatedAt")
    assert found["contractId"] == contract_id
    assert (found["payer"], found["signedAs"]) == (insurer.payer, ["approver", "author"])
    assert found["activatedAt"] == NOW.isoformat()
    assert all_pages(stranger, "contracts", 1, "contractId") == []


@pytest.mark.parametrize(
    ("query", "scope"),
    [
        ('{pack(scan:"x"){epc}}', "epcis:read"),
        ("{events{edges{cursor}}}", "epcis:read"),
        ("{claims{edges{cursor}}}", "claims:read"),
        ("{contracts{edges{cursor}}}", "claims:read"),
        (f'{{claim(id:"{UUID(int=7)}"){{status}}}}', "claims:read"),
    ],
)
def test_a_key_without_the_scope_is_told_which(world: World, query: str, scope: str) -> None:
    asker = system(world, world.admit(), "ledger:read")
    (error,) = asker.ask(query)["errors"]
    assert (error["extensions"]["code"], error["extensions"]["scope"]) == ("MISSING_SCOPE", scope)


LISTS = {
    "members": "members(first:$n){edges{node{id name npi gln}} pageInfo{endCursor}}",
    "keys": "keys(first:$n){edges{node{keyId publicKey}}}",
    "events": "events(first:$n){edges{node{eventID document}}}",
    "claims": "claims(first:$n){edges{node{id status paidAmount decidedAt}}}",
    "contracts": "contracts(first:$n){edges{node{contractId signedAs activatedAt}}}",
}


def fill(insurer: Insurer, channel: Channel) -> None:
    """Give an insurer fifty of everything."""
    terms = parse_contract(insurer.terms()).terms
    for number in range(MANY):
        key_add(actor=insurer.actor, holder=KeyHolder.SYSTEM, now=NOW)
        organisation_admit(
            actor=channel.operator,
            organisation_id=uuid4(),
            name=f"member {number}",
            kind="pharmacy",
            gln=None,
            now=NOW,
        )
        content = format_contract(replace(terms, plan=f"PLAN{number}"))
        contract_propose(actor=insurer.actor, content=content, new_id=fresh_id, now=NOW)
    documents = [
        ClaimDocument(
            claim=insurer.claim(claim_id=f"A{number}"), personal=PersonalPart(family_name=CANARY)
        )
        for number in range(MANY)
    ]
    claim_submit(
        actor=insurer.actor,
        submitter_id=insurer.actor.organisation,
        documents=documents,
        seeds=SEEDS,
        now=NOW,
    )
    channel.sequence()


@pytest.mark.slow
def test_a_list_of_fifty_takes_as_many_queries_as_a_list_of_one(
    world: World, new_insurer: Callable[[], Insurer]
) -> None:
    insurer, _ = insurer_of(world, new_insurer)
    fill(insurer, world.channel)
    maker = member(world.channel, "manufacturer")
    maker.record(*(commission([epc]) for epc in packs(MANY)))
    payer = system(world, insurer.actor, "claims:read")
    for field, text in LISTS.items():
        asker = asker_of(world, maker) if field == "events" else payer
        query = f"query($n:Int){{{text}}}"
        assert len(asker.data(query, n=MANY)[field]["edges"]) == MANY, field
        one, fifty = (statements(asker, query, n=n) for n in (1, MANY))
        assert len(one) == len(fifty), (field, one, fifty)


def test_a_pack_with_fifty_events_takes_as_many_queries_as_one_with_one(
    world: World, channel: Channel
) -> None:
    maker = member(channel, "manufacturer")
    once, often = packs(2)
    maker.record(commission([once]), commission([often], 1_000))
    for minute in range(MANY - 1):
        maker.record(event("inspecting", [often], minute))
    query = "query($e:String){pack(epc:$e){verdict{rule} exceptions{meaning} events{document}}}"
    asker = asker_of(world, maker)
    assert len(asker.data(query, e=often)["pack"]["events"]) == MANY
    assert len(statements(asker, query, e=once)) == len(statements(asker, query, e=often))


def test_a_proof_in_a_submission_of_fifty_takes_as_many_queries_as_in_one_of_one(
    fresh_db: Channel,
) -> None:
    # In a log of its own: beyond 256 leaves the size of the tree counts, a tile for each level.
    channel, world = fresh_db, World(channel=fresh_db)
    operator_project(actor=channel.operator)
    maker = member(channel, "manufacturer")
    query = "query($e:Hash!){proof(entryId:$e){logIndex hashes url}}"
    asker, sent = asker_of(world, maker), []
    for number in (1, MANY):
        done = maker.record(*(commission([epc]) for epc in packs(number)))
        assert done.receipt is not None
        channel.sequence()
        sent.append(statements(asker, query, e=done.receipt.entry_ids[0].hex()))
    assert len(sent[0]) == len(sent[1])


def test_a_decision_of_fifty_lines_takes_as_many_queries_as_one_of_one(
    world: World, new_insurer: Callable[[], Insurer]
) -> None:
    insurer, asker = insurer_of(world, new_insurer)
    insurer.in_force()
    query = (
        "query($c:UUID!){claim(id:$c){decision{lines{rules{rule entryIds} adjustments{amount}}}}}"
    )
    sent = []
    for number in (1, MANY):
        lines = [plan.line(at + 1) for at in range(number)]
        claim_id = insurer.takes(insurer.claim(*lines, claim_id=f"L{number}"))
        claim_adjudicate(actor=insurer.actor, claim_id=claim_id, seeds=SEEDS, now=NOW)
        assert len(asker.data(query, c=str(claim_id))["claim"]["decision"]["lines"]) == number
        sent.append(statements(asker, query, c=str(claim_id)))
    assert len(sent[0]) == len(sent[1])


@pytest.mark.parametrize("query", ["{me{kind}}", "{organisation{name}}", "{checkpoint{size}}"])
def test_single_fields_take_few_queries(world: World, query: str) -> None:
    asker = system(world, world.admit())
    # The key, its transaction, the field, its transaction, and what they set.
    assert len(statements(asker, query)) <= 8


@pytest.mark.parametrize(
    "query",
    [
        "{members(first:null,after:null){edges{cursor}}}",
        "{keys(first:null,organisationId:null){edges{cursor}}}",
        "{events(first:null,epc:null){edges{cursor}}}",
        "{claims(first:null,status:null){edges{cursor}}}",
        "{contracts(first:null){edges{cursor}}}",
        "{organisation(id:null){name}}",
        '{pack(scan:"https://id.gs1.org/01/00300010123455/21/A",question:null){epc}}',
    ],
)
def test_null_is_as_if_an_argument_were_left_out(
    world: World, channel: Channel, query: str
) -> None:
    asker = asker_of(world, member(channel, "pharmacy"), "epcis:read", "claims:read")
    assert asker.data(query)
