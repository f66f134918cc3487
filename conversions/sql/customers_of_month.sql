-- The next customers, by number, who bought between two times or have rows derived from a bill between them.
SELECT DISTINCT customer_id FROM (
    SELECT customer_id FROM audiences_transaction
    WHERE org_id = %(org)s AND customer_id > %(last)s AND txn_at >= %(lo)s AND txn_at <= %(hi)s
    UNION ALL
    SELECT customer_id FROM conversions_attribution
    WHERE org_id = %(org)s AND customer_id > %(last)s AND txn_at >= %(lo)s AND txn_at <= %(hi)s
    UNION ALL
    SELECT customer_id FROM conversions_response
    WHERE org_id = %(org)s AND customer_id > %(last)s AND txn_at >= %(lo)s AND txn_at <= %(hi)s
) AS somebody
ORDER BY customer_id
LIMIT %(n)s
