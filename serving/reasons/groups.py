"""What a salesperson calls the features: each is in exactly one group, by its room but for some."""

import re
from collections.abc import Mapping
from functools import cache

from features.dictionary import FEATURES, is_of_attribute
from features.pairs import PAIRS

# Each group's name in English and in Chinese.
GROUPS: Mapping[str, tuple[str, str]] = {
    "silence": ("Silence since the last order", "距上次下单的时间"),
    "rhythm": ("Rhythm of ordering", "下单节奏"),
    "order_count": ("Number of orders", "订单数量"),
    "spend": ("Money spent", "消费金额"),
    "order_size": ("Size of orders", "订单大小"),
    "season": ("The same season a year ago", "去年同期"),
    "returns": ("Returns", "退货"),
    "discounts": ("Discounts and coupons", "折扣与优惠券"),
    "assortment": ("What is bought", "购买的品类"),
    "novelty": ("New categories and products", "新品类与新商品"),
    "visits": ("Visits", "访问"),
    "email": ("Response to e-mail", "邮件互动"),
    "campaigns": ("Campaigns and contacts by the shop", "营销活动与商家联系"),
    "contacts": ("Contacts by the customer", "客户主动联系"),
    "complaints": ("Complaints", "投诉"),
    "tenure": ("Time as a customer", "成为客户的时间"),
    "profile": ("Who the customer is", "客户资料"),
    "shopping_hours": ("Days and hours of ordering", "下单时段"),
    "expectation": ("What the order history leads to expect", "由订单历史推算的预期"),
    "category": ("The category and what goes with it", "该品类与相关品类"),
}

OF_ROOM: Mapping[str, str] = {
    "purchases": "order_size",
    "concessions": "returns",
    "rhythm": "rhythm",
    "habits": "rhythm",
    "assortment": "assortment",
    "engagement": "contacts",
    "contacts": "contacts",
    "profile": "profile",
    "lifetime": "expectation",
    "crosses": "silence",
}

# Features, told without their window or rank, that are not of their room's group.
EXCEPTIONS: Mapping[str, tuple[str, ...]] = {
    "silence": ("days_since_order", "lateness", "lateness_by_median", "lateness_by_spread",
                "lateness_by_longest", "lateness_by_recent", "tenure_share"),
    "order_count": ("orders", "orders_ever", "orders_trend", "last_month_share", "order_days",
                    "orders_per_month", "orders_slope", "active_months", "active_months_share"),
    "spend": ("spend", "spend_ever", "spend_trend", "spend_per_month", "spend_slope",
              "spend_against_habit", "margin", "margin_ever", "margin_share"),
    "season": ("orders_a_year_ago", "spend_a_year_ago"),
    "discounts": ("discount", "discount_ever", "discount_share", "discounted_orders_share",
                  "discount_reliance", "coupons_redeemed"),
    "novelty": ("new_products", "new_categories", "new_category_rate", "days_since_new_category"),
    "visits": ("visits", "days_since_visit", "visit_lateness", "mean_visit_depth", "visits_trend",
               "visits_since_order", "visits_per_order", "visits_while_late"),
    "email": ("emails_opened", "emails_clicked", "emails_answered", "click_rate",
              "days_since_email", "email_lateness"),
    "campaigns": ("company_contacts", "days_since_company_contact", "campaigns_received",
                  "days_since_campaign", "campaigns_answered", "campaigns_answered_share"),
    "complaints": ("complaints", "plain_complaints", "days_since_complaint", "open_complaints",
                   "complaints_since_order", "complaints_per_order", "complaints_while_late"),
    "tenure": ("customer_age_days", "days_known"),
    "shopping_hours": ("weekend_share", "office_hours_share", "evening_share", "night_share",
                       "weekday_habit"),
    "expectation": ("spend_at_risk",),
}  # fmt: skip

_ENDING = re.compile(r"_(\d+)d?$")
_GROUP_OF = {stem: group for group, stems in EXCEPTIONS.items() for stem in stems}


def cut_ending(name: str) -> tuple[str, int | None]:
    """Return a feature's name without its window or rank, and that number."""
    found = _ENDING.search(name)
    return (name[: found.start()], int(found[1])) if found else (name, None)


@cache
def find_group(name: str) -> str:
    """Return the group of a feature: of a customer, of a shop's own attribute, or of a pair."""
    if is_of_attribute(name):
        return "profile"
    if name in PAIRS:
        return "category"
    return _GROUP_OF.get(cut_ending(name)[0]) or OF_ROOM[FEATURES[name].room]
