"""Two riders claim one bike at the same moment: 200 times, over real connections to several processes."""

import http.client
import json
import threading
from collections import Counter

from cloud.context import unix_now
from cloud.tables import Claim, IssuedToken
from cloud.testsite import Site, holder_key, served

PAIRS = 200
WAIT = 30  # seconds for anything


def claim(connection, token, lock_id, holder):
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    connection.request("POST", "/api/v1/claims", json.dumps({"lock": lock_id, "holder_key": holder}), headers)
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())


def race(address, pairs):
    """pairs: [(lock id, token, token)] -> [(answer, answer)]"""
    start = threading.Barrier(2, timeout=WAIT)
    answers = [[None, None] for _ in pairs]

    def rider(which):
        connection = http.client.HTTPConnection(*address, timeout=WAIT)
        keys = [holder_key() for _ in pairs]
        for number, (lock_id, *tokens) in enumerate(pairs):
            start.wait()
            answers[number][which] = claim(connection, tokens[which], lock_id, keys[number])
        connection.close()

    riders = [threading.Thread(target=rider, args=(which,)) for which in (0, 1)]
    for thread in riders:
        thread.start()
    for thread in riders:
        thread.join(WAIT * 4)
    return answers


def check(site, pairs, answers):
    for one, other in answers:
        assert sorted([one[0], other[0]]) == [201, 409], (one, other)
        lost = max(one, other, key=lambda answer: answer[0])[1]
        assert lost["code"] == "already_claimed" and lost["detail"] == "This bike is claimed by someone."
        assert min(one, other, key=lambda answer: answer[0])[1]["epoch"] == 1
    with site.cloud.db.reading() as session:
        held = Counter(session.scalars(Claim.__table__.select().with_only_columns(Claim.open_on)))
        assert held == Counter({pair[0]: 1 for pair in pairs})
        assert session.query(IssuedToken).count() == len(pairs)
    winners = Counter(one[0] < other[0] for one, other in answers)
    assert min(winners.values()) > 0 and len(winners) == 2, f"not a race: {winners}"


def test_of_two_hundred_racing_pairs_each_gets_one_claim_and_one_refusal(tmp_path):
    site = Site(tmp_path, now=unix_now())  # gunicorn's processes have the real clock
    pairs = [(site.bike().hex, site.person().token, site.person().token) for _ in range(PAIRS)]
    with served(site, tmp_path / "gunicorn.log") as address:
        check(site, pairs, race(address, pairs))
    site.close()
