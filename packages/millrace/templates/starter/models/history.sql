-- One row per bill, with what the customer did since the last one, and whether the customer cancelled in the five days after it.
-- That is known when the five days are over, not before; for bills after 26 December 2025 the data end too early to know.
{{ config(materialized='view') }}
select
  cast(b.bill_id as integer) as bill_id,
  cast(b.customer_id as integer) as customer_id,
  c.plan,
  c.channel,
  c.region,
  cast(date_diff('day', c.signed_up_at, b.billed_at) / 30 as integer) as months,
  cast(b.minutes as integer) as minutes,
  cast(b.visits as integer) as visits,
  cast(b.tickets as integer) as tickets,
  b.payment_failed,
  b.billed_at,
  b.billed_at + interval 5 day as known_at,
  coalesce(x.cancelled_at between b.billed_at and b.billed_at + interval 5 day, false) as churned
from {{ source('raw', 'bills') }} b
join {{ ref('customers') }} c on c.customer_id = b.customer_id
left join {{ source('raw', 'cancellations') }} x on x.customer_id = b.customer_id
where b.billed_at <= timestamp '2025-12-26'
