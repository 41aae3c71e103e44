---- Conditions, and under each the statement that an analyst wrote for it, who knows docs/segments.md and docs/sql.md
---- and never saw how Kith says it to DuckDB. $now stands for the instant of the question: 2026-03-31 12:00, or that
---- behind "-- @". What stands behind "-- live" is kept current under that name, too. A statement gives numbers of people.

---- Texts

-- plan = 'pro'
SELECT id FROM profiles WHERE plan = 'pro';

-- plan <> 'free'
SELECT id FROM profiles WHERE plan IS NOT NULL AND plan NOT IN ('free');

-- NOT plan = 'pro'
SELECT id FROM profiles EXCEPT SELECT id FROM profiles WHERE plan = 'pro' OR plan IS NULL;

-- plan <=> 'pro'
SELECT id FROM profiles WHERE coalesce(plan, '?') = 'pro';

-- NOT (plan <=> 'free')
SELECT id FROM profiles EXCEPT SELECT id FROM profiles WHERE plan = 'free';

-- text(plan) IS NOT DISTINCT FROM address.city
SELECT id FROM profiles WHERE plan = "address.city" OR plan IS NULL AND "address.city" IS NULL;

-- plan IN ('pro', 'team') AND country != 'FR'
SELECT id FROM profiles WHERE (plan = 'pro' OR plan = 'team') AND country <> 'FR';

-- plan NOT IN ('pro', 'free')
SELECT id FROM profiles WHERE plan <> 'pro' AND plan <> 'free';

-- plan IN ('pro', NULL)
SELECT id FROM profiles WHERE plan = 'pro';

-- plan NOT IN ('pro', NULL)
SELECT id FROM profiles WHERE plan <> 'pro' AND plan <> NULL;

-- NOT (plan IN ('pro', NULL)) OR country = 'BE'
SELECT id FROM profiles WHERE country = 'BE';

-- NOT (plan NOT IN ('pro', NULL)) OR plan NOT IN ('free', NULL)
SELECT id FROM profiles WHERE plan = 'pro';

-- plan IS NOT NULL AND country IS NULL
SELECT id FROM profiles WHERE length(plan) >= 0 AND country IS NULL;

-- plan = ''
SELECT id FROM profiles WHERE octet_length(encode(plan)) = 0;

-- plan < 'g'
SELECT id FROM profiles WHERE encode(plan) < encode('g');

-- plan >= 'pro' AND plan < 'q'
SELECT id FROM profiles WHERE starts_with(plan, 'pro') OR plan BETWEEN 'pro' AND 'pz';

-- plan BETWEEN 'free' AND 'pro'
SELECT id FROM profiles WHERE 'free' <= plan AND plan <= 'pro';

-- plan NOT BETWEEN 'free' AND 'pro'
SELECT id FROM profiles WHERE plan < 'free' OR plan > 'pro';

-- plan LIKE 'p%'
SELECT id FROM profiles WHERE left(plan, 1) = 'p';

-- plan NOT LIKE 'p%'
SELECT id FROM profiles WHERE plan IS NOT NULL AND NOT starts_with(plan, 'p');

-- plan LIKE '_r%'
SELECT id FROM profiles WHERE substr(plan, 2, 1) = 'r';

-- plan LIKE 'p!%o' ESCAPE '!'
SELECT id FROM profiles WHERE plan = 'p%o';

-- plan LIKE 'p_o'
SELECT id FROM profiles WHERE length(plan) = 3 AND plan[1] = 'p' AND plan[3] = 'o';

-- company LIKE '%!_%' ESCAPE '!' OR company LIKE '100!%' ESCAPE '!'
SELECT id FROM profiles WHERE position('_' IN company) > 0 OR company = '100%';

-- company LIKE '%\%'
SELECT id FROM profiles WHERE contains(company, chr(92));

-- plan ILIKE 'größe'
SELECT id FROM profiles WHERE plan IN ('größe', 'GRÖẞE');

-- plan ILIKE 'GRÖSSE'
SELECT id FROM profiles WHERE lower(plan) = 'grösse';

-- company ILIKE '%σίσυφος%'
SELECT id FROM profiles WHERE regexp_matches(company, 'σίσυφος', 'i');

-- lower(company) = 'straße 5'
SELECT id FROM profiles WHERE company IN ('Straße 5', 'STRAẞE 5', 'ſtraße 5');

-- lower(company) = lower(plan) OR lower(company) = 'k2'
SELECT id FROM profiles WHERE regexp_full_match(company, 'k2', 'i') OR lower(plan) = lower(company);

-- company NOT ILIKE '%co'
SELECT id FROM profiles WHERE NOT (lower(right(company, 2)) = 'co');

-- company REGEXP '^[A-ZÄ]'
SELECT id FROM profiles WHERE company[1] BETWEEN 'A' AND 'Z' OR company[1] = 'Ä';

-- company NOT REGEXP '\d'
SELECT id FROM profiles WHERE translate(company, '0123456789', '') = company;

-- company REGEXP '(?i)co ?$' AND NOT company REGEXP '^Ä'
SELECT id FROM profiles WHERE lower(rtrim(company)) LIKE '%co' AND company NOT LIKE 'Ä%';

-- length(company) = 2
SELECT id FROM profiles WHERE company LIKE '__';

-- length(company) = 1 OR length(plan) > 4
SELECT id FROM profiles WHERE company LIKE '_' OR plan LIKE '_____%';

-- lower(plan) IN ('pro', 'free')
SELECT id FROM profiles WHERE plan IN ('pro', 'Pro', 'free');

-- email ILIKE '%@EXAMPLE.org'
SELECT id FROM profiles WHERE lower(split_part(email, '@', 2)) = 'example.org';

-- email IS NULL AND plan = 'pro'
SELECT id FROM profiles WHERE plan = 'pro' AND id NOT IN (SELECT id FROM profiles WHERE email >= '');

-- email LIKE 'Mr.%' AND NOT email LIKE '%.test'
SELECT id FROM profiles WHERE starts_with(email, 'Mr.') AND NOT ends_with(email, '.test');

-- "first order" IS NOT NULL AND "first order" <= '2025-12-31'
SELECT id FROM profiles WHERE "first order" <= '2025-12-31';

-- coalesce(plan, address.city, 'none') = 'none' OR coalesce(plan, address.city) = 'Paris'
SELECT id FROM profiles WHERE plan IS NULL AND ("address.city" IS NULL OR "address.city" = 'Paris');

-- plan IN (SELECT code FROM goods)
SELECT DISTINCT p.id FROM profiles p JOIN goods g ON g.code = p.plan;

-- plan NOT IN (SELECT code FROM goods WHERE price > 50)
SELECT id FROM profiles p WHERE plan IS NOT NULL AND NOT EXISTS (FROM goods g WHERE g.code = p.plan AND g.price > 50);

---- Numbers

-- ltv = 10.5
SELECT id FROM profiles WHERE ltv = 10.5;

-- ltv <> 10.5 AND ltv BETWEEN 10 AND 11
SELECT id FROM profiles WHERE ltv >= 10 AND ltv < 10.5 UNION ALL SELECT id FROM profiles WHERE ltv > 10.5 AND ltv <= 11;

-- ltv > 10.5
SELECT id FROM profiles WHERE ltv - 10.5 > 0;

-- ltv >= 10.500000001 AND ltv < 10.500000002
SELECT id FROM profiles WHERE ltv::VARCHAR = '10.500000001';

-- ltv BETWEEN 0 AND 10.499999999
SELECT id FROM profiles WHERE ltv >= 0 AND ltv < 10.5;

-- ltv NOT BETWEEN 0 AND 100
SELECT id FROM profiles WHERE ltv < 0 OR ltv > 100;

-- ltv IN (0, 3, 1.05e1)
SELECT id FROM profiles WHERE ltv = 0 OR ltv = 3 OR ltv = 10.5;

-- ltv NOT IN (0, 3, NULL) OR visits = 7
SELECT id FROM profiles WHERE visits = 7;

-- ltv NOT IN (0, 3)
SELECT id FROM profiles WHERE ltv <> 0 AND ltv <> 3;

-- ltv <=> 3 OR NOT (visits <=> 3) AND visits < 5
SELECT id FROM profiles WHERE ltv = 3 OR visits < 5 AND visits <> 3;

-- NOT (ltv <=> 3)
SELECT id FROM profiles WHERE ltv IS NULL OR ltv <> 3;

-- NOT (ltv > 3) AND NOT (ltv <= 3)
SELECT id FROM profiles WHERE FALSE;

-- NOT (ltv > 3 AND visits > 20)
SELECT id FROM profiles WHERE ltv <= 3 OR visits <= 20;

-- NOT (ltv > 3 OR visits > 20)
SELECT id FROM profiles WHERE ltv <= 3 AND visits <= 20;

-- ltv IS NULL AND plan IS NOT NULL
SELECT id FROM profiles WHERE plan IS NOT NULL EXCEPT SELECT id FROM profiles WHERE ltv BETWEEN -1e20 AND 1e20;

-- number(score) > visits
SELECT id FROM profiles WHERE visits < score;

-- tier = 5
SELECT id FROM profiles WHERE tier = 5;

-- tier = '5'
SELECT id FROM profiles WHERE typeof(tier) = 'VARCHAR' AND tier::VARCHAR = '5';

-- address.zip > 2 OR address.zip IS NULL
SELECT id FROM profiles WHERE coalesce("address.zip", 99) > 2;

-- coalesce(ltv, 0) < 5
SELECT id FROM profiles WHERE CASE WHEN ltv IS NULL THEN TRUE ELSE ltv < 5 END;

-- coalesce(ltv, score) >= 50
SELECT id FROM profiles WHERE ltv >= 50 OR ltv IS NULL AND score >= 50;

-- number(ltv) IN (SELECT price FROM goods) OR number(visits) IN (SELECT price FROM goods WHERE category <> 'Home')
SELECT p.id FROM profiles p WHERE p.ltv = ANY (SELECT price FROM goods WHERE price IS NOT NULL) OR p.visits = ANY (SELECT price FROM goods WHERE category = 'Garden' AND price IS NOT NULL);

-- ltv >= top_percent(10, ltv)
SELECT id FROM profiles WHERE ltv IS NOT NULL QUALIFY rank() OVER (ORDER BY ltv DESC) <= ceil((SELECT count(ltv) FROM profiles) * 0.1);

-- score >= top_percent(25, score)
-- live top_score
WITH n AS (SELECT ceil(count(*) / 4.0)::BIGINT AS k FROM profiles WHERE score IS NOT NULL)
SELECT p.id FROM profiles p, n WHERE p.score IS NOT NULL AND (SELECT count(*) FROM profiles q WHERE q.score > p.score) < n.k;

-- score < top_percent(33.3, score)
SELECT id FROM profiles, (SELECT list_sort(list(score), 'DESC') AS l FROM profiles WHERE score IS NOT NULL) WHERE score < l[((len(l) * 333 + 999) // 1000)];

-- visits >= top_percent(100, visits) AND score = top_percent(1, score)
SELECT id FROM profiles WHERE visits IS NOT NULL AND score IN (SELECT score FROM profiles WHERE score IS NOT NULL ORDER BY score DESC LIMIT 1 OFFSET (SELECT (count(score) + 99) // 100 - 1 FROM profiles));

-- NOT (ltv >= top_percent(50, ltv))
SELECT id FROM profiles WHERE ltv IS NOT NULL QUALIFY rank() OVER (ORDER BY ltv DESC) > (SELECT ceil(count(ltv) / 2) FROM profiles);

---- What is true or false

-- vip
SELECT id FROM profiles WHERE vip = TRUE;

-- NOT vip
SELECT id FROM profiles WHERE vip = FALSE;

-- vip IS NOT TRUE
SELECT id FROM profiles WHERE NOT coalesce(vip, FALSE);

-- vip IS FALSE OR country = 'DE'
SELECT id FROM profiles WHERE vip = FALSE UNION SELECT id FROM profiles WHERE country = 'DE';

-- vip IS NOT FALSE AND plan = 'free'
SELECT id FROM profiles WHERE plan = 'free' AND (vip IS NULL OR vip = TRUE);

-- NOT known
SELECT p.id FROM profiles p WHERE NOT EXISTS (SELECT 1 FROM identifiers i WHERE i.profile_id = p.id AND i.space NOT IN ('anonymous_id', 'device_id'));

-- vip <=> known
SELECT id FROM profiles WHERE vip AND known OR NOT vip AND NOT known;

-- vip AND ltv > 10 OR NOT vip AND ltv <= 10
SELECT id FROM profiles WHERE ltv IS NOT NULL AND vip = (ltv > 10);

-- NOT (vip AND plan = 'pro')
SELECT id FROM profiles WHERE vip = FALSE OR plan <> 'pro';

---- Times of a person

-- birthday < DATE '1990-01-01'
SELECT id FROM profiles WHERE CASE WHEN regexp_full_match(birthday, '\d{4}-\d\d-\d\d([T ]\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)?)?') THEN make_timestamp(epoch_us(TRY_CAST(birthday AS TIMESTAMPTZ))) END < '1990-01-01';

-- birthday = TIMESTAMP '1990-06-15 08:00:00'
SELECT id FROM profiles WHERE birthday IN ('1990-06-15T10:00:00+02:00', '1990-06-15 08:00:00');

-- time(birthday) IS NULL AND birthday IS NOT NULL
SELECT id FROM profiles WHERE birthday IN ('never', '1980-13-01', '2001-02-29', '1985-7-4', '1985-07-04T10:00', '1990-06-15T08:00:00.1234567Z', '2026-01-31 12:00', '');

-- birthday = '2000-02-29' OR birthday = '1985-7-4'
SELECT id FROM profiles WHERE birthday IN ('2000-02-29', '1985-7-4');

-- age(birthday) >= 18
-- live adults
WITH b AS (SELECT id, make_timestamp(epoch_us(TRY_CAST(birthday AS TIMESTAMPTZ))) AS t FROM profiles WHERE regexp_full_match(birthday, '\d{4}-\d\d-\d\d([T ]\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)?)?'))
SELECT id FROM b WHERE t + INTERVAL 18 YEAR <= $now;

-- age(birthday) BETWEEN 25 AND 35
WITH b AS (SELECT id, make_timestamp(epoch_us(TRY_CAST(birthday AS TIMESTAMPTZ))) AS t FROM profiles WHERE regexp_full_match(birthday, '\d{4}-\d\d-\d\d([T ]\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)?)?'))
SELECT id FROM b WHERE t + INTERVAL 25 YEAR <= $now AND t + INTERVAL 36 YEAR > $now;

-- age(birthday) IS NULL AND birthday IS NOT NULL
WITH b AS (SELECT id, make_timestamp(epoch_us(TRY_CAST(birthday AS TIMESTAMPTZ))) AS t FROM profiles WHERE regexp_full_match(birthday, '\d{4}-\d\d-\d\d([T ]\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)?)?'))
SELECT id FROM profiles WHERE birthday IS NOT NULL AND id NOT IN (SELECT id FROM b WHERE t <= $now);

-- @ 2026-02-28T00:00:00Z
-- age(birthday) = 26
WITH b AS (SELECT id, make_timestamp(epoch_us(TRY_CAST(birthday AS TIMESTAMPTZ))) AS t FROM profiles WHERE regexp_full_match(birthday, '\d{4}-\d\d-\d\d([T ]\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)?)?'))
SELECT id FROM b WHERE t > '1999-02-28' AND t <= '2000-02-28' OR t = '2000-02-29';

-- @ 2026-02-27T23:59:59Z
-- age(birthday) = 25 AND birthday LIKE '2000-02-29%'
SELECT id FROM profiles WHERE birthday = '2000-02-29';

-- @ 2026-02-28T12:00:00Z
-- age(birthday) = 30 AND birthday LIKE '1996%'
SELECT id FROM profiles WHERE birthday LIKE '1996-01%' OR birthday LIKE '1996-02%' AND TRY_CAST(replace(birthday, '02-29', '02-28') AS TIMESTAMP) <= '1996-02-28 12:00';

-- @ 2028-02-29T00:00:00Z
-- age(birthday) = 28
WITH b AS (SELECT id, make_timestamp(epoch_us(TRY_CAST(birthday AS TIMESTAMPTZ))) AS t FROM profiles WHERE regexp_full_match(birthday, '\d{4}-\d\d-\d\d([T ]\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)?)?'))
SELECT id FROM b WHERE t >= '1999-03-01' AND t <= '2000-02-29 00:00';

-- age(birthday - INTERVAL 7 DAY) > age(birthday)
-- live birthday_week
WITH b AS (SELECT id, make_timestamp(epoch_us(TRY_CAST(birthday AS TIMESTAMPTZ))) AS t FROM profiles WHERE regexp_full_match(birthday, '\d{4}-\d\d-\d\d([T ]\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)?)?')),
  y AS (SELECT unnest(range(0, 120)) AS n)
SELECT DISTINCT id FROM b, y WHERE t <= $now AND t - INTERVAL 7 DAY + to_years(n::INTEGER) <= $now AND t + to_years(n::INTEGER) > $now;

-- @ 2026-03-31T00:00:00Z
-- age(birthday) > age(birthday + INTERVAL 1 DAY)
WITH b AS (SELECT id, make_timestamp(epoch_us(TRY_CAST(birthday AS TIMESTAMPTZ))) AS t FROM profiles WHERE regexp_full_match(birthday, '\d{4}-\d\d-\d\d([T ]\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)?)?')),
  y AS (SELECT id, t, max(n) FILTER (WHERE t + to_years(n::INTEGER) <= $now) AS old, max(n) FILTER (WHERE t + INTERVAL 1 DAY + to_years(n::INTEGER) <= $now) AS tomorrow FROM b, range(0, 120) r(n) GROUP BY ALL)
SELECT id FROM y WHERE old > tomorrow;

-- date(birthday) IN (DATE '2000-02-29', DATE '1990-06-15')
SELECT id FROM profiles WHERE birthday LIKE '2000-02-29%' OR birthday LIKE '1990-06-15%' AND birthday NOT LIKE '%.1234567Z' OR birthday = '1990-06-16T07:59:59.999999+14:00';

-- date(birthday) NOT IN (DATE '2000-02-29', NULL)
SELECT id FROM profiles LIMIT 0;

-- joined > now() - INTERVAL 1 YEAR
-- live joiners
SELECT id FROM profiles WHERE joined LIKE '20%' AND make_timestamp(epoch_us(TRY_CAST(joined AS TIMESTAMPTZ))) + INTERVAL 0 DAY > $now - INTERVAL 12 MONTH;

-- joined + INTERVAL 1 MONTH <= now()
-- live a_month
SELECT id FROM profiles WHERE joined <> 'soon' AND CASE WHEN joined LIKE '20%' THEN joined::TIMESTAMP END + INTERVAL 1 MONTH <= $now;

-- @ 2026-02-28T12:00:00Z
-- joined + INTERVAL 1 MONTH <= now()
SELECT id FROM profiles WHERE make_timestamp(epoch_us(TRY_CAST(joined AS TIMESTAMPTZ))) <= '2026-01-28 12:00' OR make_timestamp(epoch_us(TRY_CAST(joined AS TIMESTAMPTZ))) >= '2026-01-29' AND joined LIKE '2026-01-%' AND make_timestamp(epoch_us(TRY_CAST(joined AS TIMESTAMPTZ)))::TIME <= '12:00:00';

-- joined >= now() - INTERVAL 1 MONTH
SELECT id FROM profiles WHERE make_timestamp(epoch_us(TRY_CAST(joined AS TIMESTAMPTZ))) >= TIMESTAMP '2026-02-28 12:00:00';

-- joined BETWEEN now() - INTERVAL 2 QUARTER AND now() - INTERVAL 6 WEEK
SELECT id FROM profiles WHERE make_timestamp(epoch_us(TRY_CAST(joined AS TIMESTAMPTZ))) >= '2025-09-30 12:00' AND make_timestamp(epoch_us(TRY_CAST(joined AS TIMESTAMPTZ))) <= '2026-02-17 12:00';

-- date(joined) = current_date - INTERVAL 1 DAY OR joined = TIMESTAMP '2026-01-01 00:59:59'
SELECT id FROM profiles WHERE make_timestamp(epoch_us(TRY_CAST(joined AS TIMESTAMPTZ)))::DATE = $now::DATE - 1 OR joined = '2025-12-31T23:59:59-01:00';

-- joined < TIMESTAMP '2026-01-31 12:00:00.000001' AND joined >= '2026-01-28'
SELECT id FROM profiles WHERE make_timestamp(epoch_us(TRY_CAST(joined AS TIMESTAMPTZ))) BETWEEN '2026-01-28' AND '2026-01-31 12:00:00';

-- last_seen < now() - INTERVAL 30 DAY
-- live dormant
SELECT id FROM profiles WHERE date_diff('microsecond', last_seen, $now) > 30 * 24 * 3600 * 1000000::BIGINT;

-- first_seen >= now() - INTERVAL 90 DAY AND NOT (last_seen > now())
SELECT profile_id FROM events GROUP BY profile_id HAVING min(ts) >= $now - INTERVAL 90 DAY AND max(ts) <= $now;

-- first_seen = last_seen
SELECT profile_id FROM events GROUP BY 1 HAVING count(DISTINCT ts) = 1;

-- last_seen IS NULL OR last_seen >= now()
SELECT id FROM profiles p WHERE (SELECT max(ts) FROM events e WHERE e.profile_id = p.id) >= $now OR NOT EXISTS (FROM events e WHERE e.profile_id = p.id);

-- last_seen > time(joined) + INTERVAL 6 MONTH
SELECT id FROM profiles WHERE make_timestamp(epoch_us(TRY_CAST(joined AS TIMESTAMPTZ))) + INTERVAL 6 MONTH < last_seen;

-- time(joined) + INTERVAL 1 YEAR - INTERVAL 1 DAY > now()
SELECT id FROM profiles WHERE make_timestamp(epoch_us(TRY_CAST(joined AS TIMESTAMPTZ))) + INTERVAL 12 MONTH > $now + INTERVAL 24 HOUR;

-- current_date - INTERVAL 1 MONTH <= date(first_seen)
SELECT id FROM profiles WHERE first_seen >= '2026-02-28';

-- coalesce(time(birthday), time(joined)) < DATE '2000-01-01' OR coalesce(birthday, joined) = 'soon'
WITH b AS (SELECT id, birthday, joined, CASE WHEN regexp_full_match(birthday, '\d{4}-\d\d-\d\d([T ]\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)?)?') THEN make_timestamp(epoch_us(TRY_CAST(birthday AS TIMESTAMPTZ))) END AS t FROM profiles)
SELECT id FROM b WHERE t < '2000-01-01' OR t IS NULL AND make_timestamp(epoch_us(TRY_CAST(joined AS TIMESTAMPTZ))) < '2000-01-01' OR birthday IS NULL AND joined = 'soon';

-- time("first order") <= DATE '2025-12-31' OR "first order" > '2026'
SELECT id FROM profiles WHERE "first order" = '2025-12-31' OR "first order" IN ('2026-01-01', 'unknown');

-- hour(last_seen) >= 18 OR dayofweek(last_seen) IN (0, 6)
SELECT id FROM profiles WHERE last_seen::TIME >= '18:00' OR strftime(last_seen, '%w') IN ('0', '6');

-- month(first_seen) = month(now() - INTERVAL 1 MONTH) AND year(first_seen) = 2026
-- live since_last_month
SELECT id FROM profiles WHERE strftime(first_seen, '%Y-%m') = CASE WHEN $now < '2026-04-01' THEN '2026-02' ELSE '2026-03' END;

-- next_anniversary(birthday) <= current_date + INTERVAL 20 DAY
-- live birthday_soon
WITH b AS (SELECT id, CASE WHEN regexp_full_match(birthday, '\d{4}-\d\d-\d\d([T ]\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)?)?') THEN make_timestamp(epoch_us(TRY_CAST(birthday AS TIMESTAMPTZ))) END AS t FROM profiles)
SELECT b.id FROM b, range(1, 21) r(i) WHERE b.t::DATE <= $now AND strftime($now::DATE + i::INTEGER, '%m-%d') = strftime(b.t, '%m-%d');

-- @ 2026-02-28T00:00:00Z
-- anniversary(birthday) = current_date OR day(birthday) = 29
WITH b AS (SELECT id, CASE WHEN regexp_full_match(birthday, '\d{4}-\d\d-\d\d([T ]\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)?)?') THEN make_timestamp(epoch_us(TRY_CAST(birthday AS TIMESTAMPTZ))) END AS t FROM profiles)
SELECT id FROM b WHERE strftime(t, '%m-%d') IN ('02-28', '02-29') AND t < $now + INTERVAL 1 DAY OR strftime(t, '%d') = '29';

---- Calendar and clocks: in Paris they were put back on 2025-10-26 at 01:00 UTC and forward on 2026-03-29 at 01:00 UTC

-- EXISTS (SELECT 1 FROM events WHERE name = 'Buy' AND ts >= date_trunc('month', now()))
-- live this_month
SELECT profile_id FROM events WHERE name = 'Buy' AND ts <= $now AND strftime(ts, '%Y-%m') = strftime($now, '%Y-%m');

-- (SELECT count(*) FROM events WHERE ts >= date_trunc('month', now()) - INTERVAL 1 MONTH AND ts < date_trunc('month', now())) >= 4
-- live last_month
SELECT profile_id FROM events WHERE strftime(ts, '%Y-%m') = CASE WHEN $now < '2026-04-01' THEN '2026-02' ELSE '2026-03' END GROUP BY profile_id HAVING count(*) > 3;

-- date_trunc('week', last_seen) = date_trunc('week', now()) - INTERVAL 1 WEEK
SELECT id FROM profiles WHERE last_seen >= '2026-03-23' AND last_seen < '2026-03-30';

-- date_trunc('quarter', first_seen) = DATE '2025-10-01' OR date_trunc('year', first_seen) < DATE '2025-06-01' AND date_trunc('hour', last_seen) = TIMESTAMP '2026-03-31 11:00:00'
SELECT id FROM profiles WHERE quarter(first_seen) = 4 AND year(first_seen) = 2025 OR first_seen < '2026-01-01' AND strftime(last_seen, '%Y-%m-%d %H') = '2026-03-31 11';

-- (SELECT count(*) FROM events WHERE hour(local_time(ts, 'Europe/Paris')) < 8) >= 3
-- live early_there
WITH paris AS (SELECT profile_id, ts + to_hours(CASE WHEN ts >= '2025-10-26 01:00' AND ts < '2026-03-29 01:00' THEN 1 ELSE 2 END) AS t FROM events WHERE ts <= $now)
SELECT profile_id FROM paris WHERE t::TIME < '08:00' GROUP BY profile_id HAVING count(*) >= 3;

-- EXISTS (SELECT 1 FROM events WHERE date(local_time(ts, 'Europe/Paris')) IN (DATE '2026-03-29', DATE '2025-10-26'))
SELECT profile_id FROM events WHERE ts >= '2026-03-28 23:00' AND ts < '2026-03-29 22:00' OR ts >= '2025-10-25 22:00' AND ts < '2025-10-26 23:00';

-- (SELECT count(DISTINCT date(local_time(ts, 'Europe/Paris'))) FROM events WHERE ts > now() - INTERVAL 20 DAY) <> (SELECT count(DISTINCT date(ts)) FROM events WHERE ts > now() - INTERVAL 20 DAY)
SELECT profile_id FROM events WHERE ts > $now - INTERVAL 480 HOUR AND ts <= $now GROUP BY profile_id
HAVING count(DISTINCT (ts + CASE WHEN ts < '2026-03-29 01:00' THEN INTERVAL 1 HOUR ELSE INTERVAL 2 HOUR END)::DATE) <> count(DISTINCT ts::DATE);

-- EXISTS (SELECT 1 FROM events WHERE date(local_time(ts, 'America/New_York')) = date(local_time(now(), 'America/New_York')))
-- live today_there
SELECT profile_id FROM events WHERE ts <= $now AND ts >= date_trunc('day', $now) + INTERVAL 4 HOUR;

-- last_seen >= utc_time(TIMESTAMP '2026-03-29 02:30:00', 'Europe/Paris') AND first_seen < utc_time(TIMESTAMP '2025-10-26 02:30:00', 'Europe/Paris')
SELECT id FROM profiles WHERE last_seen >= '2026-03-29 01:00' AND first_seen < '2025-10-26 00:30';

-- dayofweek(local_time(last_seen, 'Australia/Lord_Howe')) IN (0, 6)
SELECT id FROM profiles WHERE dayofweek(last_seen + CASE WHEN last_seen >= '2025-04-05 15:00' AND last_seen < '2025-10-04 15:30' OR last_seen >= '2026-04-04 15:00' THEN INTERVAL 630 MINUTE ELSE INTERVAL 11 HOUR END) % 6 = 0;

-- (SELECT active_periods(INTERVAL 1 DAY, 4, 1, current_date, 'Europe/Paris') FROM events) >= 2
SELECT profile_id FROM events WHERE ts >= '2026-03-26 23:00' AND ts < '2026-03-30 22:00' GROUP BY profile_id
HAVING count(DISTINCT CASE WHEN ts >= '2026-03-29 22:00' THEN 30 WHEN ts >= '2026-03-28 23:00' THEN 29 WHEN ts >= '2026-03-27 23:00' THEN 28 ELSE 27 END) > 1;

-- (SELECT active_periods(INTERVAL 1 MONTH, 3, 2, date_trunc('month', now())) FROM events WHERE name = 'View') = 2
-- live two_of_three
WITH m AS (SELECT profile_id, strftime(ts, '%Y-%m') AS month FROM events WHERE name = 'View' GROUP BY ALL HAVING count(*) >= 2)
SELECT profile_id FROM m WHERE CASE WHEN $now < '2026-04-01' THEN month IN ('2025-12', '2026-01', '2026-02') ELSE month IN ('2026-01', '2026-02', '2026-03') END GROUP BY profile_id HAVING count(*) = 2;

---- Buckets and places

-- bucket('offer', 4) = 0
-- live offered
SELECT id FROM profiles WHERE ('0x' || substr(sha256('offer' || chr(0) || public_id), 1, 16))::UBIGINT % 4 = 0;

-- bucket(100) < 25 AND plan = 'pro'
SELECT id FROM profiles WHERE plan = 'pro' AND ('0x' || substr(sha256(chr(0) || public_id), 1, 16))::UBIGINT % 100 BETWEEN 0 AND 24;

-- distance_km(visits, address.zip, 2.5, 2) < 300
WITH d AS (SELECT id, radians(visits) AS a, radians(2.5) AS b, radians(TRY_CAST("address.zip" AS DOUBLE) - 2) AS l FROM profiles WHERE visits BETWEEN -90 AND 90)
SELECT id FROM d WHERE l IS NOT NULL AND acos(least(1, sin(a) * sin(b) + cos(a) * cos(b) * cos(l))) * 6371.0088 < 300;

-- NOT (distance_km(48.8566, 2.3522, 51.5074, profiles.visits) >= 1000)
SELECT id FROM profiles WHERE visits IS NOT NULL AND visits BETWEEN -180 AND 180 AND asin(sqrt(pow(sin(radians(51.5074 - 48.8566) / 2), 2) + cos(radians(48.8566)) * cos(radians(51.5074)) * pow(sin(radians(visits - 2.3522) / 2), 2))) < 500 / 6371.0088;

---- Events: whether there are some

-- EXISTS (SELECT 1 FROM events WHERE name = 'Buy')
SELECT DISTINCT profile_id FROM events WHERE name = 'Buy' AND ts <= $now;

-- NOT EXISTS (SELECT 1 FROM events WHERE name = 'Buy')
SELECT id FROM profiles ANTI JOIN (SELECT profile_id AS id FROM events WHERE name = 'Buy' AND ts <= $now) USING (id);

-- EXISTS (SELECT 1 FROM events)
SELECT profile_id FROM events GROUP BY profile_id HAVING min(ts) <= $now;

-- EXISTS (SELECT 1 FROM events WHERE name = 'Buy' AND ts > now() - INTERVAL 30 DAY)
-- live bought_lately
SELECT profile_id FROM events WHERE name = 'Buy' AND ts + INTERVAL 30 DAY > $now AND ts <= $now;

-- EXISTS (SELECT 1 FROM events WHERE ts >= now() - INTERVAL 7 DAY AND ts < now() - INTERVAL 36 HOUR)
SELECT profile_id FROM events GROUP BY profile_id HAVING count(*) FILTER (WHERE ts BETWEEN $now - INTERVAL 168 HOUR AND $now - INTERVAL 36 HOUR - INTERVAL 1 MICROSECOND) > 0;

-- EXISTS (SELECT 1 FROM events WHERE ts > now() - INTERVAL 1 MONTH AND kind = 'page')
SELECT profile_id FROM events WHERE ts > '2026-02-28 12:00' AND ts <= $now AND kind = 'page';

-- @ 2026-03-30T12:00:00Z
-- EXISTS (SELECT 1 FROM events WHERE ts BETWEEN now() - INTERVAL 1 MONTH AND now() - INTERVAL 28 DAY)
SELECT profile_id FROM events WHERE ts BETWEEN TIMESTAMP '2026-02-28 12:00' AND TIMESTAMP '2026-03-02 12:00';

-- EXISTS (SELECT 1 FROM events WHERE ts >= TIMESTAMP '2026-01-01 00:00:00' AND ts < DATE '2026-02-01' AND name <> 'View')
SELECT profile_id FROM events WHERE strftime(ts, '%Y-%m') = '2026-01' AND name <> 'View';

-- EXISTS (SELECT 1 FROM events WHERE name = 'Buy' AND ts BETWEEN now() - INTERVAL 90 DAY AND now() - INTERVAL 30 DAY)
--   AND NOT EXISTS (SELECT 1 FROM events WHERE name = 'Buy' AND ts > now() - INTERVAL 30 DAY)
-- live lapsing
SELECT profile_id FROM events WHERE name = 'Buy' AND ts <= $now GROUP BY profile_id HAVING max(ts) BETWEEN $now - INTERVAL 90 DAY AND $now - INTERVAL 30 DAY;

-- EXISTS (SELECT 1 FROM events WHERE ts >= time(profiles.joined) + INTERVAL 1 YEAR)
SELECT e.profile_id FROM events e JOIN profiles p ON p.id = e.profile_id WHERE p.joined LIKE '20%' AND e.ts <= $now AND e.ts >= make_timestamp(epoch_us(TRY_CAST(p.joined AS TIMESTAMPTZ))) + INTERVAL 1 YEAR;

-- EXISTS (SELECT 1 FROM events WHERE name = 'Buy' AND ts < time(profiles.joined) + INTERVAL 14 DAY AND ts >= time(profiles.joined))
-- live early
WITH j AS (SELECT id, make_timestamp(epoch_us(TRY_CAST(joined AS TIMESTAMPTZ))) AS at FROM profiles)
SELECT j.id FROM j, events e WHERE e.profile_id = j.id AND e.name = 'Buy' AND e.ts <= $now AND e.ts - j.at >= INTERVAL 0 DAY AND date_diff('microsecond', j.at, e.ts) < 14 * 86400000000;

-- EXISTS (SELECT 1 FROM events WHERE ts > profiles.first_seen + INTERVAL 100 DAY)
SELECT profile_id FROM (SELECT profile_id, ts, min(ts) OVER (PARTITION BY profile_id) AS f FROM events) WHERE ts <= $now AND ts > f + INTERVAL 100 DAY;

-- EXISTS (SELECT 1 FROM events WHERE ts = profiles.last_seen AND name = 'Leave')
SELECT e.profile_id FROM events e WHERE e.name = 'Leave' AND e.ts <= $now AND e.ts = (SELECT max(ts) FROM events o WHERE o.profile_id = e.profile_id);

-- EXISTS (SELECT 1 FROM events WHERE date(ts) = current_date)
SELECT profile_id FROM events WHERE ts BETWEEN date_trunc('day', $now) AND $now;

-- EXISTS (SELECT 1 FROM events WHERE date(ts) = DATE '2026-02-28' AND ts <> TIMESTAMP '2026-02-28 12:00:00')
SELECT profile_id FROM events WHERE ts >= '2026-02-28' AND ts < '2026-03-01' AND ts::TIME <> '12:00:00';

-- EXISTS (SELECT 1 FROM events WHERE received_at > ts + INTERVAL 1 DAY)
SELECT profile_id FROM events WHERE date_diff('microsecond', ts, received_at) > 86400000000 AND ts <= $now;

-- EXISTS (SELECT 1 FROM events WHERE source = 'app') AND NOT EXISTS (SELECT 1 FROM events WHERE source = 'web')
SELECT profile_id FROM events WHERE ts <= $now GROUP BY profile_id HAVING min(source) = 'app' AND max(source) = 'app';

-- EXISTS (SELECT 1 FROM events WHERE kind = 'page' AND name IN ('Home', 'Pricing') AND properties.dwell >= 45)
SELECT profile_id FROM events WHERE kind = 'page' AND properties.dwell >= 45 AND ts <= $now;

-- EXISTS (SELECT 1 FROM events WHERE name REGEXP '^P' AND NOT name LIKE 'Pr%')
SELECT profile_id FROM events WHERE name = 'Plan Changed' AND ts <= $now;

-- EXISTS (SELECT 1 FROM events WHERE kind = 'identify') AND NOT known
SELECT e.profile_id FROM events e JOIN profiles p ON p.id = e.profile_id AND NOT p.known WHERE e.kind = 'identify' AND e.ts <= $now;

-- EXISTS (SELECT 1 FROM events WHERE context.page.path = '/a/b' AND context.locale LIKE 'fr-%')
SELECT profile_id FROM events WHERE context.page.path = '/a/b' AND context.locale IN ('fr-FR', 'fr-BE') AND ts <= $now;

-- EXISTS (SELECT 1 FROM events WHERE lower(context.page.path) = '/sale' AND context.locale NOT IN ('fr-FR', 'fr-BE'))
SELECT profile_id FROM events WHERE context.page.path ILIKE '/SALE' AND context.locale = 'de-DE' AND ts <= $now;

---- Events: what they say

-- EXISTS (SELECT 1 FROM events WHERE name = 'Buy' AND properties.total > 100)
SELECT profile_id FROM events WHERE ts <= $now AND name = 'Buy' GROUP BY 1 HAVING max(properties.total) > 100;

-- EXISTS (SELECT 1 FROM events WHERE properties.total < 0)
SELECT profile_id FROM events WHERE ts <= $now GROUP BY profile_id HAVING min(properties.total) < 0;

-- EXISTS (SELECT 1 FROM events WHERE NOT (properties.total < 2) AND NOT (properties.total > 2.5))
SELECT profile_id FROM events WHERE ts <= $now AND properties.total BETWEEN 2 AND 2.5;

-- EXISTS (SELECT 1 FROM events WHERE name = 'Refund' AND properties.total = '5')
SELECT profile_id FROM events WHERE name = 'Refund' AND ts <= $now AND json_extract(original, '$.properties.total') = '"5"';

-- EXISTS (SELECT 1 FROM events WHERE name = 'Buy' AND number(properties.total) IS NULL AND text(properties.total) IS NULL)
SELECT profile_id FROM events WHERE name = 'Buy' AND ts <= $now AND (json_type(original, '$.properties.total') IS NULL OR original LIKE '%"total":0.1234567891%' OR original LIKE '%"total":1e30%' OR original LIKE '%"total":1E30%');

-- EXISTS (SELECT 1 FROM events WHERE name = 'Buy' AND properties.total IS NULL)
-- -- a number that does not fit is missing, too
SELECT profile_id FROM events WHERE name = 'Buy' AND ts <= $now AND properties.total IS NULL AND json_type(original, '$.properties.total') IS DISTINCT FROM 'VARCHAR';

-- EXISTS (SELECT 1 FROM events WHERE properties.total = 0.000000001 OR properties.total = 0.1234567890)
SELECT profile_id FROM events WHERE ts <= $now AND properties.total > 0 AND properties.total < 0.000000002;

-- EXISTS (SELECT 1 FROM events WHERE name = 'Cart' AND properties.sku = 77)
SELECT profile_id FROM events WHERE name = 'Cart' AND ts <= $now AND json_extract(original, '$.properties.sku')::VARCHAR = '77';

-- EXISTS (SELECT 1 FROM events WHERE properties.sku = '77')
SELECT profile_id FROM events WHERE FALSE;

-- EXISTS (SELECT 1 FROM events WHERE name IN ('View', 'Buy') AND properties.sku IS NULL)
SELECT profile_id FROM events WHERE name IN ('View', 'Buy') AND properties.sku IS NULL AND ts <= $now AND (original->'$.properties.sku') IS NULL;

-- EXISTS (SELECT 1 FROM events WHERE name = 'View' AND properties.sku NOT IN ('a1', 'b2', 'C3'))
SELECT profile_id FROM events WHERE name = 'View' AND ts <= $now AND (properties.sku < 'C3' OR properties.sku > 'C3' AND properties.sku < 'a1' OR properties.sku > 'a1' AND properties.sku < 'b2' OR properties.sku > 'b2');

-- EXISTS (SELECT 1 FROM events WHERE properties.sku ILIKE 'C_' AND name = 'Cart')
SELECT profile_id FROM events WHERE ts <= $now AND name = 'Cart' AND properties.sku IN ('C3', 'c3');

-- EXISTS (SELECT 1 FROM events WHERE properties.coupon LIKE '%!%' ESCAPE '!' OR properties.coupon LIKE '%!_%' ESCAPE '!')
SELECT profile_id FROM events WHERE ts <= $now AND (right(properties.coupon, 1) = '%' OR instr(properties.coupon, '_') > 0);

-- EXISTS (SELECT 1 FROM events WHERE length(properties.coupon) = 6 AND properties.gift)
SELECT profile_id FROM events WHERE ts <= $now AND properties.coupon IN ('10_off', 'SUMMER', 'summer') AND properties.gift = TRUE;

-- EXISTS (SELECT 1 FROM events WHERE NOT properties.gift) AND NOT EXISTS (SELECT 1 FROM events WHERE properties.gift)
SELECT profile_id FROM events WHERE ts <= $now GROUP BY profile_id HAVING NOT bool_or(properties.gift);

-- EXISTS (SELECT 1 FROM events WHERE name = 'Buy' AND bool(properties.gift) IS NULL AND text(properties.gift) = 'yes')
SELECT profile_id FROM events WHERE name = 'Buy' AND ts <= $now AND (original->>'$.properties.gift') = 'yes';

-- EXISTS (SELECT 1 FROM events WHERE properties.gift IS NOT TRUE AND name = 'Buy')
SELECT profile_id FROM events WHERE ts <= $now AND name = 'Buy' GROUP BY profile_id HAVING count(*) > count(*) FILTER (WHERE properties.gift);

-- EXISTS (SELECT 1 FROM events WHERE properties.due >= now() AND properties.due < now() + INTERVAL 1 WEEK)
-- live due
SELECT profile_id FROM events WHERE ts <= $now AND make_timestamp(epoch_us(TRY_CAST(properties.due AS TIMESTAMPTZ))) >= $now AND make_timestamp(epoch_us(TRY_CAST(properties.due AS TIMESTAMPTZ))) < $now + INTERVAL 7 DAY;

-- EXISTS (SELECT 1 FROM events WHERE time(properties.due) <= ts + INTERVAL 3 DAY AND time(properties.due) > ts)
SELECT profile_id FROM events WHERE ts <= $now AND make_timestamp(epoch_us(TRY_CAST(properties.due AS TIMESTAMPTZ))) BETWEEN ts + INTERVAL 1 MICROSECOND AND ts + INTERVAL 72 HOUR;

-- EXISTS (SELECT 1 FROM events WHERE properties.due = '2026-03-31')
SELECT profile_id FROM events WHERE ts <= $now AND properties.due = '2026-03-31';

-- EXISTS (SELECT 1 FROM events WHERE properties.due = DATE '2026-03-31')
SELECT profile_id FROM events WHERE ts <= $now AND properties.due[:10] = '2026-03-31' AND make_timestamp(epoch_us(TRY_CAST(properties.due AS TIMESTAMPTZ)))::TIME = '00:00';

-- EXISTS (SELECT 1 FROM events WHERE number(properties.total) > profiles.ltv)
SELECT e.profile_id FROM events e JOIN profiles p ON e.profile_id = p.id AND e.properties.total > p.ltv WHERE e.ts <= $now;

-- EXISTS (SELECT 1 FROM events WHERE name = 'Plan Changed' AND properties.plan <> text(profiles.plan))
SELECT e.profile_id FROM events e, profiles p WHERE p.id = e.profile_id AND e.name = 'Plan Changed' AND e.ts <= $now AND NOT (e.properties.plan = p.plan);

-- EXISTS (SELECT 1 FROM events WHERE name = 'Plan Changed' AND text(properties.plan) <=> profiles.plan)
SELECT e.profile_id FROM events e, profiles p WHERE p.id = e.profile_id AND e.name = 'Plan Changed' AND e.ts <= $now AND coalesce(e.properties.plan, '-') = coalesce(p.plan, '-');

-- EXISTS (SELECT 1 FROM events WHERE coalesce(properties.sku, profiles.plan, 'none') = 'pro')
SELECT e.profile_id FROM events e JOIN profiles p ON p.id = e.profile_id WHERE e.ts <= $now AND e.properties.sku IS NULL AND p.plan = 'pro';

-- EXISTS (SELECT 1 FROM events WHERE properties.sku IN (SELECT sku FROM goods WHERE category = 'Garden'))
-- live gardeners
SELECT e.profile_id FROM events e JOIN goods g ON g.sku = e.properties.sku AND g.category = 'Garden' WHERE e.ts <= $now;

-- EXISTS (SELECT 1 FROM events WHERE name = 'Buy' AND properties.sku NOT IN (SELECT sku FROM goods))
SELECT profile_id FROM events WHERE ts <= $now AND name = 'Buy' AND properties.sku IS NOT NULL AND properties.sku NOT IN ('a1', 'b2', 'C3', 'ü-4', 'd5', '77');

-- EXISTS (SELECT 1 FROM events WHERE number(properties.total) IN (SELECT price FROM goods WHERE NOT (category = 'Garden')))
SELECT e.profile_id FROM events e WHERE e.ts <= $now AND EXISTS (FROM goods g WHERE g.price = e.properties.total AND g.category <> 'Garden');

-- NOT EXISTS (SELECT 1 FROM events WHERE properties.sku IN (SELECT sku FROM goods WHERE price > 10 OR price IS NULL)) AND plan = 'free'
SELECT p.id FROM profiles p LEFT JOIN (SELECT e.profile_id FROM events e JOIN goods g ON g.sku = e.properties.sku WHERE coalesce(g.price, 99) > 10 AND e.ts <= $now) b ON b.profile_id = p.id WHERE b.profile_id IS NULL AND p.plan = 'free';

-- (SELECT count(*) FROM events WHERE dayofweek(ts) IN (0, 6) AND hour(ts) < 12) >= 2
SELECT profile_id FROM events WHERE ts <= $now AND strftime(ts, '%w') IN ('0', '6') AND ts::TIME < '12:00' GROUP BY profile_id HAVING count(*) > 1;

-- EXISTS (SELECT 1 FROM events WHERE name = 'Open' AND has(properties.links, 'new') AND NOT has(properties.links, 7))
-- live linked
SELECT profile_id FROM events WHERE name = 'Open' AND ts <= $now AND json_extract_string(original, '$.properties.links') = '["sale","new"]';

-- (SELECT count(*) FROM events WHERE has(properties.links, 7)) > (SELECT count(*) FROM events WHERE NOT has(properties.links, '7'))
SELECT profile_id FROM events WHERE ts <= $now AND json_type(original, '$.properties.links') = 'ARRAY' GROUP BY profile_id
HAVING count(*) FILTER (json_contains(original->'$.properties.links', '7') OR json_contains(original->'$.properties.links', '7.0')) > count(*) FILTER (NOT json_contains(original->'$.properties.links', '"7"'));

---- Counts

-- (SELECT count(*) FROM events WHERE name = 'Buy') >= 3
-- live three_times
SELECT profile_id FROM events WHERE name = 'Buy' AND ts <= $now GROUP BY profile_id HAVING count(*) >= 3;

-- (SELECT count(*) FROM events WHERE name = 'Buy') = 0
SELECT p.id FROM profiles p LEFT JOIN events e ON e.profile_id = p.id AND e.name = 'Buy' AND e.ts <= $now GROUP BY p.id HAVING count(e.seq) = 0;

-- (SELECT count(*) FROM events WHERE name = 'Buy') <= 1
SELECT id FROM profiles EXCEPT SELECT profile_id FROM events WHERE name = 'Buy' AND ts <= $now GROUP BY profile_id HAVING count(*) > 1;

-- (SELECT count(*) FROM events WHERE name = 'View') > (SELECT count(*) FROM events WHERE name = 'Buy')
SELECT profile_id FROM events WHERE ts <= $now GROUP BY profile_id HAVING sum(CASE name WHEN 'View' THEN 1 WHEN 'Buy' THEN -1 ELSE 0 END) > 0;

-- (SELECT count(*) FROM events WHERE name = 'Buy' AND ts > now() - INTERVAL 90 DAY) BETWEEN 1 AND 2
-- live one_or_two
SELECT profile_id FROM events WHERE name = 'Buy' AND ts > $now - INTERVAL 90 DAY AND ts <= $now GROUP BY profile_id HAVING count(*) IN (1, 2);

-- (SELECT count(*) FROM events WHERE ts > now() - INTERVAL 30 DAY) NOT IN (0, 1, 2)
SELECT profile_id FROM events WHERE ts <= $now QUALIFY row_number() OVER (PARTITION BY profile_id ORDER BY ts DESC) = 3 AND ts > $now - INTERVAL 30 DAY;

-- (SELECT count(*) FROM events WHERE ts > now() - INTERVAL 60 DAY AND NOT (name = 'View' OR kind = 'identify')) >= 4
SELECT profile_id FROM events WHERE ts > $now - INTERVAL 60 DAY AND ts <= $now AND name <> 'View' AND kind <> 'identify' GROUP BY ALL HAVING count(*) > 3;

-- (SELECT count(properties.sku) FROM events) >= 5
SELECT profile_id FROM events WHERE ts <= $now GROUP BY profile_id HAVING count(properties.sku) >= 5;

-- (SELECT count(number(properties.sku)) FROM events WHERE name = 'Refund') >= 1
SELECT profile_id FROM events WHERE name = 'Refund' AND ts <= $now AND json_type(original, '$.properties.sku') = 'UBIGINT';

-- (SELECT count(properties.total) FROM events WHERE name = 'Refund') = 1
SELECT profile_id FROM events WHERE name = 'Refund' AND ts <= $now AND json_type(original, '$.properties.total') = 'VARCHAR' GROUP BY profile_id HAVING count(*) = 1;

-- (SELECT count(number(properties.total)) FROM events WHERE name <> 'Refund') = 2
SELECT profile_id FROM events WHERE ts <= $now AND properties.total IS NOT NULL AND name <> 'Refund' GROUP BY profile_id HAVING count(*) = 2;

-- (SELECT count(DISTINCT properties.sku) FROM events WHERE name = 'View') >= 3
SELECT profile_id FROM (SELECT DISTINCT profile_id, properties.sku AS sku FROM events WHERE name = 'View' AND ts <= $now) WHERE sku IS NOT NULL GROUP BY profile_id HAVING count(*) >= 3;

-- (SELECT count(DISTINCT lower(properties.sku)) FROM events) < (SELECT count(DISTINCT properties.sku) FROM events)
SELECT profile_id FROM events WHERE ts <= $now AND properties.sku IN ('C3', 'c3') GROUP BY profile_id HAVING min(properties.sku) <> max(properties.sku);

-- (SELECT count(DISTINCT name) FROM events WHERE ts > now() - INTERVAL 14 DAY) >= 4
SELECT profile_id FROM events WHERE ts <= $now AND ts > $now - INTERVAL 2 WEEK GROUP BY profile_id HAVING len(list_distinct(list(name))) >= 4;

-- (SELECT count(DISTINCT number(properties.total)) FROM events WHERE name = 'Buy') = 2
SELECT profile_id FROM events WHERE ts <= $now AND name = 'Buy' GROUP BY profile_id HAVING len(list_distinct(list(properties.total))) = 2;

-- (SELECT count(DISTINCT bool(properties.gift)) FROM events) = 2
SELECT profile_id FROM events WHERE ts <= $now GROUP BY profile_id HAVING bool_or(properties.gift) AND NOT bool_and(properties.gift);

-- (SELECT count(DISTINCT date(ts)) FROM events WHERE ts > now() - INTERVAL 30 DAY) >= 3
-- live three_days
SELECT profile_id FROM (SELECT profile_id, ts::DATE AS day FROM events WHERE ts > $now - INTERVAL 30 DAY AND ts <= $now GROUP BY ALL) GROUP BY profile_id HAVING count(day) >= 3;

-- (SELECT count(DISTINCT date(ts)) FROM events WHERE name = 'Buy') < 2
SELECT id FROM profiles WHERE id NOT IN (SELECT a.profile_id FROM events a JOIN events b ON a.profile_id = b.profile_id AND a.ts::DATE <> b.ts::DATE WHERE a.name = 'Buy' AND b.name = 'Buy' AND a.ts <= $now AND b.ts <= $now);

-- (SELECT count(DISTINCT date(received_at)) FROM events WHERE received_at < now() - INTERVAL 10 DAY) > 4
SELECT profile_id FROM events WHERE ts <= $now AND received_at < $now - INTERVAL 240 HOUR GROUP BY profile_id HAVING count(DISTINCT strftime(received_at, '%j %Y')) > 4;

-- (SELECT count(time(properties.due)) FROM events) <> (SELECT count(properties.due) FROM events)
SELECT profile_id FROM events WHERE ts <= $now AND properties.due = 'soon';

---- Sums and the like

-- (SELECT sum(properties.total) FROM events WHERE name = 'Buy') > 100
-- live spenders
SELECT profile_id FROM events WHERE name = 'Buy' AND ts <= $now GROUP BY profile_id HAVING sum(properties.total) > 100;

-- (SELECT sum(properties.total) FROM events WHERE name = 'Buy' AND ts > now() - INTERVAL 90 DAY) <= 50
SELECT profile_id FROM events WHERE name = 'Buy' AND ts <= $now AND ts > $now - INTERVAL 90 DAY GROUP BY profile_id HAVING sum(properties.total) <= 50;

-- (SELECT sum(properties.total) FROM events WHERE name = 'Buy') IS NULL
SELECT id FROM profiles WHERE id NOT IN (SELECT profile_id FROM events WHERE name = 'Buy' AND properties.total IS NOT NULL AND ts <= $now);

-- coalesce((SELECT sum(properties.total) FROM events WHERE name = 'Buy'), 0) < 5 AND known
SELECT p.id FROM profiles p LEFT JOIN events e ON e.profile_id = p.id AND e.ts <= $now AND e.name = 'Buy' WHERE p.known GROUP BY p.id HAVING coalesce(sum(e.properties.total), 0) < 5;

-- (SELECT sum(properties.total) FROM events) = (SELECT max(properties.total) FROM events)
SELECT profile_id FROM events WHERE ts <= $now GROUP BY profile_id HAVING sum(properties.total) = max(properties.total);

-- (SELECT sum(number(properties.qty)) FROM events WHERE name = 'Cart') > (SELECT sum(number(properties.qty)) FROM events WHERE name = 'Buy')
WITH c AS (SELECT profile_id, sum(properties.qty) AS n FROM events WHERE name = 'Cart' AND ts <= $now GROUP BY 1),
  b AS (SELECT profile_id, sum(properties.qty) AS n FROM events WHERE name = 'Buy' AND ts <= $now GROUP BY 1)
SELECT profile_id FROM c JOIN b USING (profile_id) WHERE c.n > b.n;

-- (SELECT avg(properties.total) FROM events WHERE name = 'Buy') >= 40.1
SELECT profile_id FROM events WHERE name = 'Buy' AND ts <= $now GROUP BY profile_id HAVING sum(properties.total) >= (40.1 - 0.0000000005) * count(properties.total);

-- (SELECT avg(properties.total) FROM events WHERE name = 'Buy') BETWEEN 33.333333333 AND 66.666666667
-- live average
SELECT profile_id FROM events WHERE name = 'Buy' AND ts <= $now GROUP BY profile_id HAVING sum(properties.total) > 33.3333333325 * count(properties.total) AND sum(properties.total) < 66.6666666675 * count(properties.total);

-- (SELECT avg(properties.total) FROM events) = 0.000000002
-- -- the sum of n values from 0.0000000015 n to 0.0000000025 n, where both ends are halves that go to the even 2
SELECT profile_id FROM events WHERE ts <= $now GROUP BY profile_id HAVING count(properties.total) > 0 AND sum(properties.total) * 2 * 1000000000 BETWEEN 3 * count(properties.total) AND 5 * count(properties.total);

-- (SELECT avg(properties.total) FROM events WHERE name = 'Buy' AND properties.total < 0.1) < 0.000000002
SELECT profile_id FROM events WHERE ts <= $now AND name = 'Buy' AND properties.total < 0.1 GROUP BY profile_id HAVING sum(properties.total) * 2000000000 < 3 * count(*);

-- (SELECT avg(number(properties.price)) FROM events WHERE name = 'View') > (SELECT avg(properties.total) FROM events WHERE name = 'Buy')
SELECT profile_id FROM events WHERE ts <= $now AND name IN ('View', 'Buy') GROUP BY profile_id
HAVING sum(properties.price) FILTER (WHERE name = 'View') * count(properties.total) FILTER (WHERE name = 'Buy') > sum(properties.total) FILTER (WHERE name = 'Buy') * count(properties.price) FILTER (WHERE name = 'View');

-- (SELECT min(properties.total) FROM events WHERE name = 'Buy') > 2
SELECT profile_id FROM events WHERE name = 'Buy' AND ts <= $now GROUP BY profile_id HAVING bool_and(properties.total > 2);

-- NOT ((SELECT min(properties.total) FROM events WHERE name = 'Buy') > 2)
SELECT profile_id FROM events WHERE name = 'Buy' AND ts <= $now AND properties.total <= 2;

-- (SELECT max(properties.total) FROM events WHERE name = 'Refund') = 19.99
SELECT DISTINCT e.profile_id FROM events e WHERE e.name = 'Refund' AND e.properties.total = 19.99 AND e.ts <= $now AND NOT EXISTS (FROM events o WHERE o.profile_id = e.profile_id AND o.ts <= $now AND o.name = 'Refund' AND o.properties.total > 19.99);

-- (SELECT max(ts) FROM events WHERE name = 'View') < now() - INTERVAL 60 DAY
SELECT profile_id FROM events WHERE name = 'View' AND ts <= $now GROUP BY profile_id HAVING NOT bool_or(ts >= $now - INTERVAL 60 DAY);

-- (SELECT min(ts) FROM events WHERE name = 'Buy') < (SELECT min(ts) FROM events WHERE name = 'View')
SELECT profile_id FROM (PIVOT (SELECT profile_id, name, ts FROM events WHERE name IN ('Buy', 'View') AND ts <= $now) ON name IN ('Buy', 'View') USING min(ts) GROUP BY profile_id) WHERE Buy < "View";

-- (SELECT max(text(properties.sku)) FROM events) = 'ü-4'
SELECT DISTINCT profile_id FROM events WHERE properties.sku = 'ü-4' AND ts <= $now;

-- (SELECT max(time(properties.due)) FROM events) > now()
SELECT profile_id FROM events WHERE ts <= $now AND make_timestamp(epoch_us(TRY_CAST(properties.due AS TIMESTAMPTZ))) > $now;

-- (SELECT min(date(ts)) FROM events) = date(first_seen)
SELECT profile_id FROM events GROUP BY profile_id HAVING min(ts) <= $now;

-- (SELECT sum(properties.total) FROM events) > ltv
SELECT p.id FROM profiles p JOIN (SELECT profile_id, sum(properties.total) AS s FROM events WHERE ts <= $now GROUP BY profile_id) e ON e.profile_id = p.id WHERE e.s > p.ltv;

-- (SELECT sum(properties.total) FROM events WHERE name = 'Buy') >= top_percent(10, (SELECT sum(properties.total) FROM events WHERE name = 'Buy'))
-- live best
WITH s AS (SELECT profile_id, sum(properties.total) AS s FROM events WHERE name = 'Buy' AND ts <= $now GROUP BY profile_id HAVING s IS NOT NULL)
SELECT a.profile_id FROM s a LEFT JOIN s b ON b.s > a.s GROUP BY a.profile_id HAVING count(b.s) < (SELECT ceil(count(*) * 0.1) FROM s);

-- (SELECT count(*) FROM events WHERE name = 'Buy') >= top_percent(20, (SELECT count(*) FROM events WHERE name = 'Buy'))
-- -- everybody has a count: it is 0 for who never bought
WITH s AS (SELECT p.id, count(e.seq) AS n FROM profiles p LEFT JOIN events e ON e.profile_id = p.id AND e.name = 'Buy' AND e.ts <= $now GROUP BY p.id)
SELECT id FROM s QUALIFY rank() OVER (ORDER BY n DESC) <= (SELECT ceil(count(*) / 5) FROM s);

-- EXISTS (SELECT 1 FROM events WHERE name = 'Buy' AND age(properties.due) = 0)
SELECT profile_id FROM events WHERE name = 'Buy' AND ts <= $now AND make_timestamp(epoch_us(TRY_CAST(properties.due AS TIMESTAMPTZ))) <= $now AND make_timestamp(epoch_us(TRY_CAST(properties.due AS TIMESTAMPTZ))) + INTERVAL 1 YEAR > $now;

-- EXISTS (SELECT 1 FROM events WHERE ts > time(profiles.birthday) + INTERVAL 40 YEAR)
WITH b AS (SELECT id, make_timestamp(epoch_us(TRY_CAST(birthday AS TIMESTAMPTZ))) AS t FROM profiles WHERE regexp_full_match(birthday, '\d{4}-\d\d-\d\d([T ]\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)?)?')),
  l AS (SELECT profile_id, max(ts) AS ts FROM events WHERE ts <= $now GROUP BY profile_id)
SELECT b.id FROM b JOIN l ON l.profile_id = b.id AND l.ts > b.t + INTERVAL 480 MONTH;

-- (SELECT sum(properties.total) FROM events WHERE ts >= time(profiles.joined) AND ts < time(profiles.joined) + INTERVAL 3 MONTH) > 40
-- live first_quarter
SELECT e.profile_id FROM events e JOIN profiles p ON p.id = e.profile_id AND e.ts >= make_timestamp(epoch_us(TRY_CAST(p.joined AS TIMESTAMPTZ))) AND e.ts < make_timestamp(epoch_us(TRY_CAST(p.joined AS TIMESTAMPTZ))) + INTERVAL 1 QUARTER WHERE e.ts <= $now GROUP BY 1 HAVING sum(e.properties.total) > 40;

-- (SELECT avg(properties.total) FROM events WHERE name = 'Buy') >= top_percent(15, (SELECT avg(properties.total) FROM events WHERE name = 'Buy'))
WITH s AS (SELECT profile_id, replace(sum(properties.total)::VARCHAR, '.', '')::HUGEINT AS s, count(properties.total) AS n FROM events WHERE name = 'Buy' AND ts <= $now GROUP BY profile_id HAVING n > 0),
q AS (SELECT *, (s - (s % n + n) % n) // n AS q FROM s),
a AS (SELECT profile_id, q + (2 * (s - q * n) > n OR 2 * (s - q * n) = n AND q % 2 <> 0)::INT AS a FROM q)
SELECT profile_id FROM a WHERE a >= (SELECT a FROM a ORDER BY a DESC LIMIT 1 OFFSET (SELECT ceil(count(*) * 0.15)::BIGINT - 1 FROM a));

-- (SELECT max(number(properties.qty)) FROM events WHERE name IN ('Cart', 'Buy')) <=> (SELECT max(number(properties.qty)) FROM events WHERE name = 'Buy')
SELECT p.id FROM profiles p LEFT JOIN events e ON e.profile_id = p.id AND e.ts <= $now AND e.name IN ('Cart', 'Buy') GROUP BY p.id
HAVING max(e.properties.qty) IS NOT DISTINCT FROM max(e.properties.qty) FILTER (WHERE e.name = 'Buy');

-- NOT ((SELECT sum(properties.total) FROM events WHERE name = 'Buy') BETWEEN 10 AND 150)
SELECT profile_id FROM events WHERE name = 'Buy' AND ts <= $now GROUP BY profile_id HAVING sum(properties.total) < 10 OR sum(properties.total) > 150;

-- (SELECT count(*) FROM events WHERE name = 'View' AND (NOT properties.price BETWEEN 50 AND 150 OR properties.sku = 'a1')) >= 3
SELECT profile_id FROM events WHERE ts <= $now AND name = 'View' GROUP BY profile_id
HAVING count(*) FILTER (WHERE properties.price < 50 OR properties.price > 150 OR properties.sku = 'a1') >= 3;

-- (SELECT share(properties.sku, 'a1') FROM events WHERE name = 'View') >= 0.5
SELECT profile_id FROM events WHERE name = 'View' AND ts <= $now GROUP BY profile_id HAVING count(*) FILTER (properties.sku = 'a1') * 2 >= count(properties.sku) AND count(properties.sku) > 0;

-- (SELECT share(properties.sku, 'b2', INTERVAL 10 DAY) FROM events) > 0.2345
-- live prefers_b2
WITH e AS (SELECT profile_id, properties.sku AS sku, ts FROM events WHERE ts <= $now AND sku IS NOT NULL), n AS (SELECT profile_id, max(ts) AS newest FROM e GROUP BY ALL)
SELECT profile_id FROM e JOIN n USING (profile_id) GROUP BY profile_id HAVING sum(CASE sku WHEN 'b2' THEN 0.7655 ELSE -0.2345 END * pow(2, (epoch(ts) - epoch(newest)) / 864000)) > 0;

-- (SELECT share(lower(properties.sku), 'c3') FROM events) IS NULL AND NOT EXISTS (SELECT 1 FROM events WHERE name = 'Buy')
SELECT id FROM profiles WHERE id NOT IN (SELECT profile_id FROM events WHERE ts <= $now AND (properties.sku IS NOT NULL OR name = 'Buy'));

---- The first, the last, the third

-- (SELECT properties.plan FROM events WHERE name = 'Plan Changed' ORDER BY ts DESC LIMIT 1) = 'pro'
-- live last_plan
SELECT profile_id FROM events WHERE name = 'Plan Changed' AND ts <= $now GROUP BY profile_id
HAVING (max_by({p: properties.plan}, (ts, received_at, message_id))).p = 'pro';

-- (SELECT properties.plan FROM events WHERE name = 'Plan Changed' ORDER BY ts DESC LIMIT 1) IS NULL
SELECT id FROM profiles WHERE id NOT IN (
  SELECT profile_id FROM (
    SELECT DISTINCT ON (profile_id) profile_id, json_type(original, '$.properties.plan') AS kind FROM events WHERE name = 'Plan Changed' AND ts <= $now
    ORDER BY profile_id, ts DESC, received_at DESC, message_id DESC) WHERE kind IS NOT NULL);

-- (SELECT name FROM events ORDER BY ts LIMIT 1) = 'View'
SELECT e.profile_id FROM events e WHERE e.name = 'View' AND e.ts <= $now
  AND NOT EXISTS (SELECT 1 FROM events b WHERE b.profile_id = e.profile_id AND (b.ts, b.received_at, b.message_id) < (e.ts, e.received_at, e.message_id));

-- (SELECT name FROM events ORDER BY ts DESC LIMIT 1) IN ('Leave', 'Refund')
-- live left_last
SELECT profile_id FROM events WHERE ts <= $now QUALIFY name IN ('Leave', 'Refund') AND row_number() OVER (PARTITION BY profile_id ORDER BY ts DESC, received_at DESC, message_id DESC) = 1;

-- (SELECT name FROM events ORDER BY ts DESC LIMIT 1) <> 'Buy'
SELECT profile_id FROM (SELECT profile_id, list(name ORDER BY ts, received_at, message_id) AS l FROM events WHERE ts <= $now GROUP BY profile_id) WHERE l[-1] <> 'Buy';

-- (SELECT name FROM events ORDER BY ts LIMIT 1 OFFSET 2) = 'Buy'
SELECT profile_id FROM (SELECT profile_id, list(name ORDER BY ts, received_at, message_id) AS l FROM events WHERE ts <= $now GROUP BY profile_id) WHERE l[3] = 'Buy';

-- (SELECT properties.total FROM events WHERE name = 'Buy' ORDER BY ts LIMIT 1) > 20
WITH o AS (SELECT profile_id, properties.total AS total, rank() OVER (PARTITION BY profile_id ORDER BY ts, received_at, message_id) AS n FROM events WHERE name = 'Buy' AND ts <= $now)
SELECT profile_id FROM o WHERE n = 1 AND total > 20;

-- (SELECT properties.total FROM events WHERE name = 'Buy' AND number(properties.total) IS NOT NULL ORDER BY ts LIMIT 1 OFFSET 1) >= 20
SELECT profile_id FROM (SELECT profile_id, list(properties.total ORDER BY ts, received_at, message_id) FILTER (WHERE properties.total IS NOT NULL) AS l FROM events WHERE name = 'Buy' AND ts <= $now GROUP BY profile_id) WHERE l[2] >= 20;

-- (SELECT properties.sku FROM events WHERE name = 'Buy' ORDER BY ts DESC LIMIT 1 OFFSET 1) = 'a1'
SELECT profile_id FROM events WHERE name = 'Buy' AND ts <= $now
WINDOW w AS (PARTITION BY profile_id ORDER BY ts DESC, received_at DESC, message_id DESC ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)
QUALIFY nth_value(message_id, 2) OVER w = message_id AND properties.sku = 'a1';

-- (SELECT properties.gift FROM events WHERE name = 'Buy' ORDER BY ts DESC LIMIT 1)
SELECT profile_id FROM events WHERE name = 'Buy' AND ts <= $now GROUP BY profile_id HAVING arg_max({g: properties.gift}, (ts, received_at, message_id)).g;

-- NOT (SELECT bool(properties.gift) FROM events WHERE name = 'Buy' ORDER BY ts LIMIT 1)
SELECT profile_id FROM events WHERE name = 'Buy' AND ts <= $now GROUP BY profile_id HAVING arg_min({g: properties.gift}, (ts, received_at, message_id)).g = FALSE;

-- (SELECT text(properties.sku) FROM events WHERE name = 'View' ORDER BY ts LIMIT 1) = (SELECT text(properties.sku) FROM events WHERE name = 'Buy' ORDER BY ts LIMIT 1)
WITH f AS (SELECT DISTINCT ON (profile_id, name) profile_id, name, properties.sku AS sku FROM events WHERE name IN ('View', 'Buy') AND ts <= $now ORDER BY profile_id, name, ts, received_at, message_id)
SELECT v.profile_id FROM f v JOIN f b ON b.profile_id = v.profile_id AND b.sku = v.sku WHERE v.name = 'View' AND b.name = 'Buy';

-- (SELECT text(properties.plan) FROM events WHERE name = 'Plan Changed' ORDER BY ts DESC LIMIT 1) <=> profiles.plan AND plan IS NOT NULL
WITH l AS (SELECT DISTINCT ON (profile_id) profile_id, properties.plan AS plan FROM events WHERE name = 'Plan Changed' AND ts <= $now ORDER BY profile_id, ts DESC, received_at DESC, message_id DESC)
SELECT p.id FROM profiles p JOIN l ON l.profile_id = p.id AND l.plan = p.plan;

-- (SELECT ts FROM events WHERE name = 'Buy' ORDER BY ts LIMIT 1 OFFSET 1) < (SELECT ts FROM events WHERE name = 'Buy' ORDER BY ts LIMIT 1) + INTERVAL 10 DAY
SELECT profile_id FROM (SELECT profile_id, ts - lag(ts) OVER w AS gap, row_number() OVER w AS n FROM events WHERE name = 'Buy' AND ts <= $now WINDOW w AS (PARTITION BY profile_id ORDER BY ts)) WHERE n = 2 AND gap < INTERVAL 10 DAY;

---- One after another

-- EXISTS (SELECT 1 FROM events WHERE name = 'Cart' AND followed_by(name = 'Buy'))
SELECT c.profile_id FROM events c JOIN events b ON b.profile_id = c.profile_id AND (b.ts, b.received_at, b.message_id) > (c.ts, c.received_at, c.message_id) WHERE c.name = 'Cart' AND b.name = 'Buy' AND b.ts <= $now;

-- EXISTS (SELECT 1 FROM events WHERE name = 'Cart' AND followed_by(name = 'Buy', INTERVAL 1 HOUR))
-- live quick
SELECT c.profile_id FROM events c, events b WHERE c.name = 'Cart' AND b.name = 'Buy' AND b.profile_id = c.profile_id AND b.ts <= $now AND b.ts < c.ts + INTERVAL 60 MINUTE
  AND (b.ts > c.ts OR b.ts = c.ts AND (b.received_at > c.received_at OR b.received_at = c.received_at AND b.message_id > c.message_id));

-- EXISTS (SELECT 1 FROM events WHERE name = 'Cart' AND followed_by(name = 'Buy', INTERVAL 1 HOUR, INTERVAL 1 DAY))
SELECT c.profile_id FROM events c JOIN events b USING (profile_id) WHERE c.name = 'Cart' AND b.name = 'Buy' AND b.ts <= $now AND b.ts >= c.ts + INTERVAL 1 HOUR AND b.ts < c.ts + INTERVAL 24 HOUR;

-- EXISTS (SELECT 1 FROM events WHERE name = 'Cart' AND NOT followed_by(name = 'Buy', INTERVAL 1 DAY))
-- live abandoned
WITH o AS (SELECT profile_id, name, ts, row_number() OVER (PARTITION BY profile_id ORDER BY ts, received_at, message_id) AS n FROM events WHERE ts <= $now)
SELECT profile_id FROM o c WHERE name = 'Cart' AND ts + INTERVAL 1 DAY <= $now AND NOT EXISTS (FROM o b WHERE b.profile_id = c.profile_id AND b.name = 'Buy' AND b.n > c.n AND b.ts < c.ts + INTERVAL 1 DAY);

-- EXISTS (SELECT 1 FROM events WHERE name = 'Cart' AND NOT followed_by(name = 'Buy'))
SELECT profile_id FROM events WHERE ts <= $now AND name IN ('Cart', 'Buy') GROUP BY profile_id HAVING arg_max(name, (ts, received_at, message_id)) = 'Cart';

-- NOT EXISTS (SELECT 1 FROM events WHERE name = 'Cart' AND followed_by(name = 'Buy', INTERVAL 1 DAY)) AND EXISTS (SELECT 1 FROM events WHERE name = 'Cart')
SELECT profile_id FROM events WHERE name = 'Cart' AND ts <= $now
EXCEPT
SELECT c.profile_id FROM events c ASOF JOIN (SELECT * FROM events WHERE name = 'Buy' AND ts <= $now) b ON b.profile_id = c.profile_id AND (b.ts, b.received_at, b.message_id) > (c.ts, c.received_at, c.message_id) WHERE c.name = 'Cart' AND b.ts < c.ts + INTERVAL 1 DAY;

-- EXISTS (SELECT 1 FROM events WHERE name = 'View' AND followed_by(name = 'Buy' AND text(properties.sku) = outer.properties.sku, INTERVAL 7 DAY))
SELECT v.profile_id FROM events v JOIN events b ON b.profile_id = v.profile_id AND b.properties.sku = v.properties.sku
WHERE v.name = 'View' AND b.name = 'Buy' AND b.ts <= $now AND b.ts < v.ts + INTERVAL 168 HOUR AND (b.ts, b.received_at, b.message_id) > (v.ts, v.received_at, v.message_id);

-- EXISTS (SELECT 1 FROM events WHERE name = 'View' AND NOT followed_by(name = 'Buy' AND text(properties.sku) = outer.properties.sku, INTERVAL 7 DAY) AND ts > now() - INTERVAL 60 DAY)
-- live only_looked
SELECT v.profile_id FROM events v WHERE v.name = 'View' AND v.ts > $now - INTERVAL 60 DAY AND v.ts <= $now - INTERVAL 7 DAY AND v.message_id NOT IN (
  SELECT v.message_id FROM events v JOIN events b ON b.profile_id = v.profile_id AND b.properties.sku = v.properties.sku
  WHERE v.name = 'View' AND b.name = 'Buy' AND b.ts < v.ts + INTERVAL 7 DAY AND (b.ts, b.received_at, b.message_id) > (v.ts, v.received_at, v.message_id));

-- EXISTS (SELECT 1 FROM events WHERE name = 'View' AND followed_by(name = 'Cart' AND followed_by(name = 'Buy', INTERVAL 2 DAY), INTERVAL 2 DAY))
-- live funnel
WITH o AS (SELECT profile_id, name, ts, row_number() OVER (PARTITION BY profile_id ORDER BY ts, received_at, message_id) AS n FROM events WHERE ts <= $now)
SELECT v.profile_id FROM o v JOIN o c USING (profile_id) JOIN o b USING (profile_id)
WHERE v.name = 'View' AND c.name = 'Cart' AND b.name = 'Buy' AND v.n < c.n AND c.n < b.n AND c.ts < v.ts + INTERVAL 2 DAY AND b.ts < c.ts + INTERVAL 2 DAY;

-- EXISTS (SELECT 1 FROM events WHERE name = 'View' AND followed_by(name = 'Cart' AND NOT followed_by(name = 'Buy' AND text(properties.sku) = outer.outer.properties.sku, INTERVAL 1 WEEK)))
WITH o AS (SELECT profile_id, name, properties.sku AS sku, ts, row_number() OVER (PARTITION BY profile_id ORDER BY ts, received_at, message_id) AS n FROM events WHERE ts <= $now)
SELECT v.profile_id FROM o v JOIN o c ON c.profile_id = v.profile_id AND c.n > v.n WHERE v.name = 'View' AND c.name = 'Cart' AND c.ts + INTERVAL 7 DAY <= $now
  AND NOT EXISTS (FROM o b WHERE b.profile_id = v.profile_id AND b.name = 'Buy' AND b.n > c.n AND b.ts < c.ts + INTERVAL 7 DAY AND b.sku = v.sku);

-- EXISTS (SELECT 1 FROM events WHERE name = 'View' AND followed_by(name = 'Cart' AND NOT properties.qty > 2 AND followed_by(name = 'Buy' AND properties.total > 10), INTERVAL 1 HOUR, INTERVAL 3 DAY))
SELECT DISTINCT v.profile_id FROM events v, events c, events b WHERE v.name = 'View' AND c.name = 'Cart' AND b.name = 'Buy' AND v.profile_id = c.profile_id AND c.profile_id = b.profile_id
  AND c.ts >= v.ts + INTERVAL 1 HOUR AND c.ts < v.ts + INTERVAL 72 HOUR AND c.properties.qty <= 2 AND b.properties.total > 10 AND b.ts <= $now AND (c.ts, c.received_at, c.message_id) < (b.ts, b.received_at, b.message_id);

-- (SELECT count(*) FROM events WHERE name = 'Buy' AND preceded_by(name = 'View', INTERVAL 1 DAY)) >= 2
SELECT profile_id FROM (
  SELECT DISTINCT b.profile_id, b.seq FROM events b JOIN events v ON v.profile_id = b.profile_id AND (v.ts, v.received_at, v.message_id) < (b.ts, b.received_at, b.message_id) AND v.ts > b.ts - INTERVAL 1 DAY
  WHERE b.name = 'Buy' AND v.name = 'View' AND b.ts <= $now) GROUP BY profile_id HAVING count(*) >= 2;

-- EXISTS (SELECT 1 FROM events WHERE name = 'Buy' AND NOT preceded_by(name = 'Cart'))
SELECT profile_id FROM (SELECT profile_id, name, bool_or(name = 'Cart') OVER (PARTITION BY profile_id ORDER BY ts, received_at, message_id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS cart FROM events WHERE ts <= $now) WHERE name = 'Buy' AND cart IS NOT TRUE;

-- EXISTS (SELECT 1 FROM events WHERE name = 'Buy' AND NOT preceded_by(name = 'Cart' AND text(properties.sku) = outer.properties.sku, INTERVAL 30 MINUTE, INTERVAL 10 DAY))
-- live impulsive
SELECT b.profile_id FROM events b LEFT JOIN events c ON c.profile_id = b.profile_id AND c.name = 'Cart' AND c.properties.sku = b.properties.sku AND c.ts <= b.ts - INTERVAL 30 MINUTE AND c.ts > b.ts - INTERVAL 10 DAY
WHERE b.name = 'Buy' AND b.ts <= $now AND c.seq IS NULL;

-- EXISTS (SELECT 1 FROM events WHERE name = 'Buy' AND preceded_by(name = 'Buy' AND number(properties.total) < outer.properties.total, INTERVAL 1 MONTH))
SELECT b.profile_id FROM events b JOIN events a ON a.profile_id = b.profile_id AND a.properties.total < b.properties.total AND a.ts > b.ts - INTERVAL 1 MONTH AND (a.ts, a.received_at, a.message_id) < (b.ts, b.received_at, b.message_id)
WHERE a.name = 'Buy' AND b.name = 'Buy' AND b.ts <= $now;

-- EXISTS (SELECT 1 FROM events WHERE name = 'Buy' AND followed_by(name = 'Buy' AND date(ts) = date(outer.ts)))
SELECT profile_id FROM events WHERE name = 'Buy' AND ts <= $now GROUP BY profile_id, ts::DATE HAVING count(*) > 1;

-- EXISTS (SELECT 1 FROM events WHERE name = 'Plan Changed' AND properties.plan = 'pro' AND followed_by(name = 'Plan Changed' AND properties.plan = 'free', INTERVAL 1 MONTH))
SELECT a.profile_id FROM events a SEMI JOIN events b ON b.profile_id = a.profile_id AND b.name = 'Plan Changed' AND b.properties.plan = 'free' AND b.ts <= $now AND b.ts < a.ts + INTERVAL 1 MONTH AND (b.ts, b.received_at, b.message_id) > (a.ts, a.received_at, a.message_id)
WHERE a.name = 'Plan Changed' AND a.properties.plan = 'pro';

-- EXISTS (SELECT 1 FROM events WHERE name = 'Leave' AND NOT followed_by(kind IS NOT NULL))
SELECT profile_id FROM events WHERE ts <= $now GROUP BY profile_id HAVING max_by(name, row(ts, received_at, message_id)) = 'Leave';

-- EXISTS (SELECT 1 FROM events WHERE name = 'Cart' AND (followed_by(name = 'Buy', INTERVAL 3 DAY) OR NOT followed_by(name = 'Leave', INTERVAL 3 DAY)))
WITH o AS (SELECT profile_id, name, ts, row_number() OVER (PARTITION BY profile_id ORDER BY ts, received_at, message_id) AS n FROM events WHERE ts <= $now),
  s AS (SELECT c.profile_id, c.n, c.ts, bool_or(o.name = 'Buy') AS bought, bool_or(o.name = 'Leave') AS gone FROM o c LEFT JOIN o ON o.profile_id = c.profile_id AND o.n > c.n AND o.ts < c.ts + INTERVAL 3 DAY WHERE c.name = 'Cart' GROUP BY ALL)
SELECT profile_id FROM s WHERE bought OR ts <= $now - INTERVAL 3 DAY AND gone IS NOT TRUE;

-- (SELECT followed_by(name = 'Buy') FROM events WHERE name = 'Cart' ORDER BY ts DESC LIMIT 1) = FALSE
-- live last_cart
SELECT profile_id FROM events WHERE ts <= $now AND name IN ('Cart', 'Buy') QUALIFY row_number() OVER (PARTITION BY profile_id ORDER BY ts DESC, received_at DESC, message_id DESC) = 1 AND name = 'Cart';

-- (SELECT followed_by(name = 'Buy', INTERVAL 1 DAY) FROM events WHERE name = 'Cart' ORDER BY ts DESC LIMIT 1) = FALSE
WITH c AS (SELECT profile_id, max((ts, received_at, message_id)) AS k, max(ts) AS ts FROM events WHERE name = 'Cart' AND ts <= $now GROUP BY profile_id)
SELECT profile_id FROM c WHERE ts + INTERVAL 1 DAY <= $now AND NOT EXISTS (SELECT 1 FROM events b WHERE b.profile_id = c.profile_id AND b.name = 'Buy' AND (b.ts, b.received_at, b.message_id) > c.k AND b.ts < c.ts + INTERVAL 1 DAY);

-- (SELECT followed_by(name = 'Buy', INTERVAL 20 DAY) FROM events WHERE name = 'Cart' ORDER BY ts DESC LIMIT 1) IS NULL
-- live undecided
WITH c AS (SELECT profile_id, max((ts, received_at, message_id)) AS k, max(ts) AS ts FROM events WHERE name = 'Cart' AND ts <= $now GROUP BY profile_id)
SELECT p.id FROM profiles p LEFT JOIN c ON c.profile_id = p.id WHERE c.k IS NULL
  OR c.ts + INTERVAL 20 DAY > $now AND NOT EXISTS (SELECT 1 FROM events b WHERE b.profile_id = p.id AND b.name = 'Buy' AND b.ts <= $now AND (b.ts, b.received_at, b.message_id) > c.k);

-- (SELECT followed_by(name = 'Buy', INTERVAL 1 DAY) FROM events WHERE name = 'Cart' ORDER BY ts LIMIT 1)
WITH o AS (SELECT profile_id, name, ts, message_id, row_number() OVER (PARTITION BY profile_id, name ORDER BY ts, received_at, message_id) AS nth, row_number() OVER (PARTITION BY profile_id ORDER BY ts, received_at, message_id) AS n FROM events WHERE ts <= $now)
SELECT c.profile_id FROM o c JOIN o b ON b.profile_id = c.profile_id AND b.name = 'Buy' AND b.n > c.n AND b.ts < c.ts + INTERVAL 1 DAY WHERE c.name = 'Cart' AND c.nth = 1;

-- (SELECT preceded_by(name = 'View' AND text(properties.sku) = outer.properties.sku) FROM events WHERE name = 'Buy' ORDER BY ts LIMIT 1) IS NOT TRUE
-- live blind
WITH b AS (SELECT DISTINCT ON (profile_id) profile_id, properties.sku AS sku, (ts, received_at, message_id) AS k FROM events WHERE name = 'Buy' AND ts <= $now ORDER BY profile_id, ts, received_at, message_id)
SELECT id FROM profiles WHERE id NOT IN (SELECT b.profile_id FROM b JOIN events v ON v.profile_id = b.profile_id AND v.name = 'View' AND v.properties.sku = b.sku AND (v.ts, v.received_at, v.message_id) < b.k);

-- (SELECT count(DISTINCT properties.sku) FROM events WHERE name = 'Cart' AND NOT followed_by(name = 'Buy' AND text(properties.sku) = outer.properties.sku)) >= 2
SELECT c.profile_id FROM events c WHERE c.name = 'Cart' AND c.ts <= $now AND NOT EXISTS (FROM events b WHERE b.profile_id = c.profile_id AND b.name = 'Buy' AND b.properties.sku = c.properties.sku AND b.ts <= $now AND (b.ts, b.received_at, b.message_id) > (c.ts, c.received_at, c.message_id))
GROUP BY c.profile_id HAVING count(DISTINCT c.properties.sku) >= 2;

-- EXISTS (SELECT 1 FROM events WHERE name = 'Buy' AND followed_by(name = 'Refund' AND number(properties.total) >= profiles.ltv))
SELECT b.profile_id FROM events b JOIN events r ON r.profile_id = b.profile_id JOIN profiles p ON p.id = b.profile_id
WHERE b.name = 'Buy' AND r.name = 'Refund' AND r.ts <= $now AND r.properties.total >= p.ltv AND (r.ts, r.received_at, r.message_id) > (b.ts, b.received_at, b.message_id);

-- EXISTS (SELECT 1 FROM events WHERE name = 'Leave' AND followed_by(name = 'Buy' AND properties.sku IN (SELECT sku FROM goods WHERE category = 'Home'), INTERVAL 2 DAY))
-- live home_again
SELECT l.profile_id FROM events l JOIN events b ON b.profile_id = l.profile_id AND b.ts < l.ts + INTERVAL 2 DAY AND (b.ts, b.received_at, b.message_id) > (l.ts, l.received_at, l.message_id) JOIN goods g ON g.sku = b.properties.sku
WHERE l.name = 'Leave' AND b.name = 'Buy' AND b.ts <= $now AND g.category = 'Home';

-- EXISTS (SELECT 1 FROM events WHERE ts BETWEEN TIMESTAMP '2026-01-29 00:00:00' AND TIMESTAMP '2026-01-31 23:59:59' AND followed_by(name = 'Buy', INTERVAL 1 MONTH))
WITH a AS (SELECT *, CASE WHEN ts >= '2026-02-01' THEN NULL ELSE TIMESTAMP '2026-02-28' + (ts - date_trunc('day', ts)) END AS till FROM events WHERE ts BETWEEN '2026-01-29' AND '2026-01-31 23:59:59')
SELECT a.profile_id FROM a JOIN events b ON b.profile_id = a.profile_id AND b.name = 'Buy' AND b.ts < a.till AND (b.ts, b.received_at, b.message_id) > (a.ts, a.received_at, a.message_id);

-- EXISTS (SELECT 1 FROM events WHERE followed_by(source <> outer.source, INTERVAL 1 HOUR))
SELECT a.profile_id FROM events a JOIN events b ON b.profile_id = a.profile_id AND b.source <> a.source AND b.ts < a.ts + INTERVAL 1 HOUR AND (b.ts, b.received_at, b.message_id) > (a.ts, a.received_at, a.message_id) WHERE b.ts <= $now;

-- EXISTS (SELECT 1 FROM events WHERE kind = 'identify' AND NOT followed_by(kind = 'track' AND received_at >= outer.received_at, INTERVAL 12 HOUR))
SELECT i.profile_id FROM events i WHERE i.kind = 'identify' AND i.ts + INTERVAL 12 HOUR <= $now AND NOT EXISTS (
  SELECT 1 FROM events t WHERE t.profile_id = i.profile_id AND t.kind = 'track' AND t.ts >= i.ts AND t.ts < i.ts + INTERVAL 12 HOUR AND t.received_at >= i.received_at AND (t.ts > i.ts OR t.received_at > i.received_at OR t.message_id > i.message_id));

-- EXISTS (SELECT 1 FROM events WHERE name = 'Cart' AND NOT (followed_by(name = 'Buy', INTERVAL 5 DAY) AND properties.qty > 1))
WITH o AS (SELECT profile_id, name, properties.qty AS qty, ts, row_number() OVER (PARTITION BY profile_id ORDER BY ts, received_at, message_id) AS n FROM events WHERE ts <= $now)
SELECT profile_id FROM o WHERE name = 'Cart' AND qty <= 1
UNION
SELECT c.profile_id FROM o c LEFT JOIN o b ON b.profile_id = c.profile_id AND b.name = 'Buy' AND b.n > c.n AND b.ts < c.ts + INTERVAL 5 DAY WHERE c.name = 'Cart' AND b.n IS NULL AND c.ts + INTERVAL 5 DAY <= $now;

-- EXISTS (SELECT 1 FROM events WHERE name = 'Buy' AND preceded_by(name = 'View' AND followed_by(name = 'Leave' AND ts < outer.outer.ts)))
WITH o AS (SELECT profile_id, name, ts, row_number() OVER (PARTITION BY profile_id ORDER BY ts, received_at, message_id) AS n FROM events WHERE ts <= $now)
SELECT DISTINCT b.profile_id FROM o b JOIN o v USING (profile_id) JOIN o l USING (profile_id) WHERE b.name = 'Buy' AND v.name = 'View' AND l.name = 'Leave' AND v.n < b.n AND v.n < l.n AND l.ts < b.ts;

-- EXISTS (SELECT 1 FROM events WHERE name = 'View' AND followed_by(name = 'Buy' AND NOT preceded_by(name = 'Leave' AND ts >= outer.outer.ts), INTERVAL 3 DAY))
-- live straight
WITH o AS (SELECT profile_id, name, ts, row_number() OVER (PARTITION BY profile_id ORDER BY ts, received_at, message_id) AS n FROM events WHERE ts <= $now)
SELECT v.profile_id FROM o v JOIN o b ON b.profile_id = v.profile_id AND b.n > v.n AND b.ts < v.ts + INTERVAL 3 DAY WHERE v.name = 'View' AND b.name = 'Buy'
  AND NOT EXISTS (FROM o l WHERE l.profile_id = v.profile_id AND l.name = 'Leave' AND l.n < b.n AND l.ts >= v.ts);

-- EXISTS (SELECT 1 FROM events WHERE kind = 'track' AND followed_by(name = outer.name, INTERVAL 10 MINUTE))
SELECT profile_id FROM (SELECT profile_id, ts, lag(ts) OVER (PARTITION BY profile_id, name ORDER BY ts, received_at, message_id) AS before FROM events WHERE kind = 'track' AND ts <= $now) WHERE ts < before + INTERVAL 10 MINUTE;

-- EXISTS (SELECT 1 FROM events WHERE name = 'View' AND followed_by(name = 'Buy' AND coalesce(properties.sku, 'x') = coalesce(outer.properties.sku, 'x'), INTERVAL 1 DAY))
SELECT v.profile_id FROM events v JOIN events b ON b.profile_id = v.profile_id AND ifnull(b.properties.sku, 'x') = ifnull(v.properties.sku, 'x') AND b.ts < v.ts + INTERVAL 1 DAY AND (b.ts, b.received_at, b.message_id) > (v.ts, v.received_at, v.message_id)
WHERE v.name = 'View' AND b.name = 'Buy' AND b.ts <= $now;

-- (SELECT followed_by(name = 'Buy', INTERVAL 1 DAY) FROM events WHERE name = 'Cart' ORDER BY ts LIMIT 1 OFFSET 1) IS NOT TRUE AND (SELECT count(*) FROM events WHERE name = 'Cart') > 1
WITH l AS (SELECT profile_id, list({name: name, ts: ts} ORDER BY ts, received_at, message_id) AS l FROM events WHERE ts <= $now AND name IN ('Cart', 'Buy') GROUP BY profile_id),
  c AS (SELECT profile_id, l, list_filter(range(1, len(l) + 1), lambda i: l[i].name = 'Cart')[2] AS i FROM l)
SELECT profile_id FROM c WHERE i IS NOT NULL AND len(list_filter(l[i + 1:], lambda b: b.name = 'Buy' AND b.ts < l[i].ts + INTERVAL 1 DAY)) = 0;

-- (SELECT count(*) FROM events WHERE name = 'Buy' AND preceded_by(name = 'View', INTERVAL 1 DAY)) >= top_percent(5, (SELECT count(*) FROM events WHERE name = 'Buy' AND preceded_by(name = 'View', INTERVAL 1 DAY)))
-- live led
WITH n AS (SELECT p.id, count(e.seq) AS n FROM profiles p LEFT JOIN (
    SELECT b.profile_id, b.seq FROM events b WHERE b.name = 'Buy' AND b.ts <= $now AND EXISTS (
      FROM events v WHERE v.profile_id = b.profile_id AND v.name = 'View' AND v.ts > b.ts - INTERVAL 1 DAY AND (v.ts, v.received_at, v.message_id) < (b.ts, b.received_at, b.message_id))) e ON e.profile_id = p.id GROUP BY p.id)
SELECT id FROM n WHERE n.n >= (SELECT n FROM n ORDER BY n DESC LIMIT 1 OFFSET (SELECT (count(*) * 5 + 99) // 100 - 1 FROM n));

---- Who is new, who stopped, who came back, who is regular

-- (SELECT min(ts) FROM events WHERE name = 'Buy') > now() - INTERVAL 30 DAY
-- live new_buyers
SELECT profile_id FROM events WHERE name = 'Buy' AND ts > $now - INTERVAL 30 DAY AND ts <= $now EXCEPT SELECT profile_id FROM events WHERE name = 'Buy' AND ts <= $now - INTERVAL 30 DAY;

-- NOT EXISTS (SELECT 1 FROM events WHERE ts > now() - INTERVAL 60 DAY) AND EXISTS (SELECT 1 FROM events)
SELECT profile_id FROM events WHERE ts <= $now GROUP BY profile_id HAVING max(ts) <= $now - INTERVAL 60 DAY;

-- EXISTS (SELECT 1 FROM events WHERE name = 'Buy' AND ts > now() - INTERVAL 30 DAY) AND EXISTS (SELECT 1 FROM events WHERE name = 'Buy' AND ts <= now() - INTERVAL 90 DAY)
--   AND NOT EXISTS (SELECT 1 FROM events WHERE name = 'Buy' AND ts > now() - INTERVAL 90 DAY AND ts <= now() - INTERVAL 30 DAY)
-- live returned
SELECT profile_id FROM events WHERE name = 'Buy' AND ts <= $now GROUP BY profile_id
HAVING max(ts) > $now - INTERVAL 30 DAY AND min(ts) <= $now - INTERVAL 90 DAY AND count(*) = count(*) FILTER (WHERE ts > $now - INTERVAL 30 DAY) + count(*) FILTER (WHERE ts <= $now - INTERVAL 90 DAY);

-- EXISTS (SELECT 1 FROM events WHERE name = 'Buy' AND NOT preceded_by(name = 'Buy', INTERVAL 60 DAY) AND preceded_by(name = 'Buy'))
WITH g AS (SELECT profile_id, ts, lag(ts) OVER (PARTITION BY profile_id ORDER BY ts, received_at, message_id) AS before FROM events WHERE name = 'Buy' AND ts <= $now)
SELECT profile_id FROM g WHERE before <= ts - INTERVAL 60 DAY;

-- EXISTS (SELECT 1 FROM events WHERE name = 'Buy' AND NOT followed_by(name = 'Buy', INTERVAL 45 DAY) AND preceded_by(name = 'Buy', INTERVAL 45 DAY))
-- live stopped
WITH g AS (SELECT profile_id, ts, lag(ts) OVER w AS before, lead(ts) OVER w AS after FROM events WHERE name = 'Buy' AND ts <= $now WINDOW w AS (PARTITION BY profile_id ORDER BY ts, received_at, message_id))
SELECT profile_id FROM g WHERE before > ts - INTERVAL 45 DAY AND ts + INTERVAL 45 DAY <= $now AND (after IS NULL OR after >= ts + INTERVAL 45 DAY);

-- EXISTS (SELECT 1 FROM events WHERE ts > now() - INTERVAL 7 DAY) AND EXISTS (SELECT 1 FROM events WHERE ts > now() - INTERVAL 14 DAY AND ts <= now() - INTERVAL 7 DAY)
--   AND EXISTS (SELECT 1 FROM events WHERE ts > now() - INTERVAL 21 DAY AND ts <= now() - INTERVAL 14 DAY)
SELECT profile_id FROM events WHERE ts > $now - INTERVAL 21 DAY AND ts <= $now GROUP BY profile_id HAVING count(DISTINCT date_diff('microsecond', ts, $now) // (7 * 86400000000)) = 3;

-- EXISTS (SELECT 1 FROM events WHERE name = 'View' AND ts > now() - INTERVAL 7 DAY) AND EXISTS (SELECT 1 FROM events WHERE name = 'View' AND ts > now() - INTERVAL 14 DAY AND ts <= now() - INTERVAL 7 DAY)
--   OR EXISTS (SELECT 1 FROM events WHERE name = 'View' AND ts > now() - INTERVAL 7 DAY) AND EXISTS (SELECT 1 FROM events WHERE name = 'View' AND ts > now() - INTERVAL 21 DAY AND ts <= now() - INTERVAL 14 DAY)
--   OR EXISTS (SELECT 1 FROM events WHERE name = 'View' AND ts > now() - INTERVAL 14 DAY AND ts <= now() - INTERVAL 7 DAY) AND EXISTS (SELECT 1 FROM events WHERE name = 'View' AND ts > now() - INTERVAL 21 DAY AND ts <= now() - INTERVAL 14 DAY)
-- live regular
SELECT profile_id FROM (SELECT DISTINCT profile_id, epoch_us($now - ts) // 604800000000 AS week FROM events WHERE name = 'View' AND ts > $now - INTERVAL 3 WEEK AND ts <= $now) GROUP BY profile_id HAVING count(*) >= 2;

-- (SELECT count(DISTINCT date(ts)) FROM events WHERE ts >= DATE '2026-03-01' AND ts < DATE '2026-04-01') BETWEEN 2 AND 4
SELECT profile_id FROM events WHERE ts <= $now AND year(ts) = 2026 AND month(ts) = 3 GROUP BY profile_id HAVING count(DISTINCT day(ts)) IN (2, 3, 4);

-- (SELECT count(*) FROM events WHERE name = 'Buy') = 1 AND (SELECT max(ts) FROM events WHERE name = 'Buy') <= now() - INTERVAL 90 DAY
SELECT profile_id FROM events WHERE name = 'Buy' AND ts <= $now GROUP BY profile_id HAVING count(*) = 1 AND any_value(ts) <= $now - INTERVAL 90 DAY;

-- (SELECT count(*) FROM events WHERE name = 'Buy' AND ts > now() - INTERVAL 30 DAY) > (SELECT count(*) FROM events WHERE name = 'Buy' AND ts <= now() - INTERVAL 30 DAY AND ts > now() - INTERVAL 60 DAY)
SELECT profile_id FROM events WHERE name = 'Buy' AND ts > $now - INTERVAL 60 DAY AND ts <= $now GROUP BY profile_id HAVING sum(if(ts > $now - INTERVAL 30 DAY, 1, -1)) > 0;

---- Segments in segments, and several parts together

-- in_segment('loyal')
SELECT profile_id FROM events WHERE name = 'Buy' AND ts <= $now GROUP BY profile_id HAVING count(*) >= 3;

-- NOT in_segment('loyal') AND in_segment('french')
SELECT id FROM profiles WHERE country = 'FR' EXCEPT SELECT profile_id FROM events WHERE name = 'Buy' AND ts <= $now GROUP BY profile_id HAVING count(*) >= 3;

-- NOT in_segment('loyal_french') AND (SELECT count(*) FROM events WHERE name = 'Buy') >= 2
SELECT p.id FROM profiles p JOIN events e ON e.profile_id = p.id WHERE e.name = 'Buy' AND e.ts <= $now GROUP BY p.id, p.country HAVING count(*) = 2 OR count(*) > 2 AND p.country IS DISTINCT FROM 'FR';

-- @ 2026-01-15T00:00:00Z
-- in_segment('loyal') OR NOT in_segment('french') AND vip
SELECT id FROM profiles WHERE vip AND country IS DISTINCT FROM 'FR' OR id IN (SELECT profile_id FROM events WHERE name = 'Buy' AND ts <= $now GROUP BY profile_id HAVING count(*) > 2);

-- country IN ('FR', 'BE') AND plan <> 'free' AND vip AND (SELECT count(*) FROM events WHERE name = 'Buy' AND properties.total >= 10 AND ts > now() - INTERVAL 90 DAY) >= 1
SELECT p.id FROM profiles p WHERE (p.country = 'FR' OR p.country = 'BE') AND p.plan <> 'free' AND p.vip AND EXISTS (FROM events e WHERE e.profile_id = p.id AND e.name = 'Buy' AND e.properties.total >= 10 AND e.ts > $now - INTERVAL 90 DAY AND e.ts <= $now);

-- NOT (country = 'FR' OR EXISTS (SELECT 1 FROM events WHERE name = 'Buy')) AND known
SELECT p.id FROM profiles p ANTI JOIN (SELECT profile_id FROM events WHERE name = 'Buy' AND ts <= $now) b ON b.profile_id = p.id WHERE p.known AND p.country IS NOT NULL AND p.country <> 'FR';

-- NOT (country = 'FR' AND EXISTS (SELECT 1 FROM events WHERE name = 'Buy'))
SELECT id FROM profiles WHERE country <> 'FR' OR id NOT IN (SELECT profile_id FROM events WHERE name = 'Buy' AND ts <= $now);

-- NOT (country = 'FR' AND (SELECT sum(properties.total) FROM events) > 50)
-- live not_both
WITH s AS (SELECT profile_id, sum(properties.total) AS s FROM events WHERE ts <= $now GROUP BY profile_id)
SELECT p.id FROM profiles p LEFT JOIN s ON s.profile_id = p.id WHERE p.country <> 'FR' OR s.s <= 50;

-- (age(birthday) >= 40 OR visits > 20) AND EXISTS (SELECT 1 FROM events WHERE name = 'Open' AND properties.campaign ILIKE 'spring')
WITH b AS (SELECT id, visits, CASE WHEN regexp_full_match(birthday, '\d{4}-\d\d-\d\d([T ]\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)?)?') THEN make_timestamp(epoch_us(TRY_CAST(birthday AS TIMESTAMPTZ))) END AS t FROM profiles)
SELECT b.id FROM b SEMI JOIN events e ON e.profile_id = b.id AND e.name = 'Open' AND lower(e.properties.campaign) = 'spring' AND e.ts <= $now WHERE b.visits > 20 OR b.t <= $now - INTERVAL 40 YEAR;

-- EXISTS (SELECT 1 FROM events WHERE name = 'Open' AND properties.campaign NOT LIKE '%!%' ESCAPE '!') AND NOT EXISTS (SELECT 1 FROM events WHERE name = 'Open' AND properties.campaign = 7)
SELECT profile_id FROM events WHERE name = 'Open' AND ts <= $now GROUP BY profile_id HAVING bool_or(properties.campaign IN ('spring', 'Spring')) AND NOT bool_or(coalesce(json_type(original, '$.properties.campaign') = 'UBIGINT', FALSE));

-- (NOT EXISTS (SELECT 1 FROM events WHERE name = 'Buy') OR plan = 'free') AND NOT (vip <=> TRUE) AND last_seen > now() - INTERVAL 45 DAY
SELECT p.id FROM profiles p WHERE coalesce(p.vip, FALSE) = FALSE AND p.last_seen > $now - INTERVAL 45 DAY AND (p.plan = 'free' OR (SELECT count(*) FROM events e WHERE e.profile_id = p.id AND e.name = 'Buy' AND e.ts <= $now) = 0);

-- @ 2026-02-10T06:30:00.000001Z
-- (SELECT count(*) FROM events WHERE ts > now() - INTERVAL 10 DAY AND ts <= now() - INTERVAL 12 HOUR) >= 1 AND NOT EXISTS (SELECT 1 FROM events WHERE ts > now() - INTERVAL 12 HOUR)
SELECT profile_id FROM events WHERE ts <= $now GROUP BY profile_id HAVING max(ts) > '2026-01-31 06:30:00.000001' AND max(ts) <= '2026-02-09 18:30:00.000001';

-- @ 2026-03-01T00:00:00Z
-- EXISTS (SELECT 1 FROM events WHERE ts <= now() - INTERVAL 1 MONTH AND ts > now() - INTERVAL 1 QUARTER) AND NOT EXISTS (SELECT 1 FROM events WHERE ts > now() - INTERVAL 1 MONTH)
SELECT profile_id FROM events WHERE ts <= $now GROUP BY profile_id HAVING max(ts) > '2025-12-01' AND max(ts) <= '2026-02-01';

-- TRUE AND NOT FALSE
SELECT id FROM profiles;

---- Accounts

-- (SELECT count(*) FROM profiles WHERE address.city = outer.address.city AND plan = 'pro') >= 3
-- live city_pro
SELECT id FROM profiles WHERE "address.city" IN (SELECT "address.city" FROM profiles WHERE plan = 'pro' GROUP BY 1 HAVING count(*) >= 3);

-- (SELECT count(*) FROM profiles WHERE company = outer.company AND score > 50) BETWEEN 1 AND 2
SELECT id FROM (SELECT id, company, count(*) FILTER (WHERE score > 50) OVER (PARTITION BY company) AS n FROM profiles) WHERE company IS NOT NULL AND n BETWEEN 1 AND 2;

-- EXISTS (SELECT 1 FROM profiles WHERE country = outer.country AND EXISTS (SELECT 1 FROM events WHERE name = 'Buy' AND properties.total > 100)) AND NOT vip
SELECT DISTINCT p.id FROM profiles p JOIN profiles o ON o.country = p.country JOIN events e ON e.profile_id = o.id AND e.name = 'Buy' AND e.properties.total > 100 AND e.ts <= $now WHERE p.vip = FALSE;

-- NOT EXISTS (SELECT 1 FROM profiles WHERE plan = outer.plan AND in_segment('french') AND vip)
SELECT id FROM profiles WHERE plan IS NULL OR plan NOT IN (SELECT plan FROM profiles WHERE plan IS NOT NULL AND country = 'FR' AND vip);

-- EXISTS (SELECT 1 FROM profiles WHERE company = outer.company) AND NOT EXISTS (SELECT 1 FROM profiles WHERE company = outer.company AND (coalesce(score, 0) < 90) IS NOT TRUE)
-- live all_low
SELECT id FROM profiles WHERE company IN (SELECT company FROM profiles GROUP BY company HAVING bool_and(coalesce(score < 90, TRUE)));

-- (SELECT count(*) FROM profiles WHERE address.city = outer.address.city AND EXISTS (SELECT 1 FROM events WHERE ts > now() - INTERVAL 7 DAY)) * 2 > (SELECT count(*) FROM profiles WHERE address.city = outer.address.city)
-- live lively_city
WITH c AS (SELECT "address.city" AS city, count(*) AS n, count(*) FILTER (WHERE id IN (SELECT profile_id FROM events WHERE ts > $now - INTERVAL 7 DAY AND ts <= $now)) AS k FROM profiles WHERE "address.city" IS NOT NULL GROUP BY 1)
SELECT p.id FROM profiles p JOIN c ON c.city = p."address.city" WHERE c.k * 2 > c.n;
