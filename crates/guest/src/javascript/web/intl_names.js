// Names and signs of currencies and units in en-US, as Unicode's CLDR 48 has them.
(function () {
  "use strict";

  // By code: sign, narrow sign ("=": the same), digits unless 2, name of one, of many ("s": with
  // an s, "": the same).
  const CURRENCIES =
    "AED,,,,UAE dirham,s|AFN,,؋,0,Afghan Afghani,s|ALL,,,0,Albanian lek,Albanian lekë|" +
    "AMD,,֏,,Armenian dram,s|ANG,,,,Netherlands Antillean guilder,s|AOA,,Kz,,Angolan kwanza,s|" +
    "ARS,,$,,Argentine peso,s|AUD,A$,$,,Australian dollar,s|AWG,,,,Aruban florin,|" +
    "AZN,,₼,,Azerbaijani manat,s|BAM,,KM,,Bosnia-Herzegovina convertible mark,s|" +
    "BBD,,$,,Barbadian dollar,s|BDT,,৳,,Bangladeshi taka,s|BGN,,,,Bulgarian lev,Bulgarian leva|" +
    "BHD,,,3,Bahraini dinar,s|BIF,,,0,Burundian franc,s|BMD,,$,,Bermudan dollar,s|BND,,$,,Brunei dollar,s|" +
    "BOB,,Bs,,Bolivian boliviano,s|BRL,R$,=,,Brazilian real,s|BSD,,$,,Bahamian dollar,s|" +
    "BTN,,,,Bhutanese ngultrum,s|BWP,,P,,Botswanan pula,s|BYN,,,,Belarusian ruble,s|" +
    "BZD,,$,,Belize dollar,s|CAD,CA$,$,,Canadian dollar,s|CDF,,,,Congolese franc,s|CHF,,,,Swiss franc,s|" +
    "CLP,,$,0,Chilean peso,s|CNY,CN¥,¥,,Chinese yuan,|COP,,$,0,Colombian peso,s|" +
    "CRC,,₡,,Costa Rican colón,s|CUC,,$,,Cuban convertible peso,s|CUP,,$,,Cuban peso,s|" +
    "CVE,,,,Cape Verdean escudo,s|CZK,,Kč,,Czech koruna,s|DJF,,,0,Djiboutian franc,s|" +
    "DKK,,kr,,Danish krone,Danish kroner|DOP,,$,,Dominican peso,s|DZD,,,,Algerian dinar,s|" +
    "EGP,,E£,,Egyptian pound,s|ERN,,,,Eritrean nakfa,s|ETB,,,,Ethiopian birr,s|EUR,€,=,,euro,s|" +
    "FJD,,$,,Fijian dollar,s|FKP,,£,,Falkland Islands pound,s|GBP,£,=,,British pound,s|" +
    "GEL,,₾,,Georgian lari,s|GHS,,GH₵,,Ghanaian cedi,s|GIP,,£,,Gibraltar pound,s|GMD,,,,Gambian dalasi,s|" +
    "GNF,,FG,0,Guinean franc,s|GTQ,,Q,,Guatemalan quetzal,s|GYD,,$,,Guyanaese dollar,s|" +
    "HKD,HK$,$,,Hong Kong dollar,s|HNL,,L,,Honduran lempira,s|HRK,,kn,,Croatian kuna,s|" +
    "HTG,,,,Haitian gourde,s|HUF,,Ft,0,Hungarian forint,s|IDR,,Rp,0,Indonesian rupiah,s|" +
    "ILS,₪,=,,Israeli new shekel,s|INR,₹,=,,Indian rupee,s|IQD,,,0,Iraqi dinar,s|IRR,,,0,Iranian rial,s|" +
    "ISK,,kr,0,Icelandic króna,Icelandic krónur|JMD,,$,,Jamaican dollar,s|JOD,,,3,Jordanian dinar,s|" +
    "JPY,¥,=,0,Japanese yen,|KES,,,,Kenyan shilling,s|KGS,,⃀,,Kyrgyz som,s|KHR,,៛,,Cambodian riel,s|" +
    "KMF,,CF,0,Comorian franc,s|KPW,,₩,0,North Korean won,|KRW,₩,=,0,South Korean won,|" +
    "KWD,,,3,Kuwaiti dinar,s|KYD,,$,,Cayman Islands dollar,s|KZT,,₸,,Kazakhstani tenge,s|" +
    "LAK,,₭,0,Laotian kip,s|LBP,,L£,0,Lebanese pound,s|LKR,,Rs,,Sri Lankan rupee,s|" +
    "LRD,,$,,Liberian dollar,s|LSL,,,,Lesotho loti,s|LYD,,,3,Libyan dinar,s|MAD,,,,Moroccan dirham,s|" +
    "MDL,,,,Moldovan leu,Moldovan lei|MGA,,Ar,0,Malagasy ariary,Malagasy ariaries|" +
    "MKD,,,,Macedonian denar,Macedonian denari|MMK,,K,0,Myanmar kyat,s|MNT,,₮,,Mongolian tugrik,s|" +
    "MOP,,,,Macanese pataca,s|MRU,,,,Mauritanian ouguiya,s|MUR,,Rs,,Mauritian rupee,s|" +
    "MVR,,,,Maldivian rufiyaa,s|MWK,,,,Malawian kwacha,s|MXN,MX$,$,,Mexican peso,s|" +
    "MYR,,RM,,Malaysian ringgit,s|MZN,,,,Mozambican metical,s|NAD,,$,,Namibian dollar,s|" +
    "NGN,,₦,,Nigerian naira,s|NIO,,C$,,Nicaraguan córdoba,s|NOK,,kr,,Norwegian krone,Norwegian kroner|" +
    "NPR,,Rs,,Nepalese rupee,s|NZD,NZ$,$,,New Zealand dollar,s|OMR,,,3,Omani rial,s|" +
    "PAB,,,,Panamanian balboa,s|PEN,,,,Peruvian sol,Peruvian soles|PGK,,,,Papua New Guinean kina,|" +
    "PHP,₱,=,,Philippine peso,s|PKR,,Rs,0,Pakistani rupee,s|PLN,,zł,,Polish zloty,s|" +
    "PYG,,₲,0,Paraguayan guarani,s|QAR,,,,Qatari riyal,s|RON,,lei,,Romanian leu,Romanian lei|" +
    "RSD,,,,Serbian dinar,s|RUB,,₽,,Russian ruble,s|RWF,,RF,0,Rwandan franc,s|SAR,,,,Saudi riyal,s|" +
    "SBD,,$,,Solomon Islands dollar,s|SCR,,,,Seychellois rupee,s|SDG,,,,Sudanese pound,s|" +
    "SEK,,kr,,Swedish krona,Swedish kronor|SGD,,$,,Singapore dollar,s|SHP,,£,,St. Helena pound,s|" +
    "SLE,,,,Sierra Leonean leone,s|" +
    "SLL,,,0,Sierra Leonean leone (1964—2022),Sierra Leonean leones (1964—2022)|SOS,,,0,Somali shilling,s|" +
    "SRD,,$,,Surinamese dollar,s|SSP,,£,,South Sudanese pound,s|STN,,Db,,São Tomé & Príncipe dobra,s|" +
    "SVC,,,,Salvadoran colón,Salvadoran colones|SYP,,£,0,Syrian pound,s|" +
    "SZL,,,,Swazi lilangeni,Swazi emalangeni|THB,,฿,,Thai baht,|TJS,,,,Tajikistani somoni,s|" +
    "TMT,,,,Turkmenistani manat,|TND,,,3,Tunisian dinar,s|TOP,,T$,,Tongan paʻanga,|" +
    "TRY,,₺,,Turkish lira,Turkish Lira|TTD,,$,,Trinidad & Tobago dollar,s|TWD,NT$,$,,New Taiwan dollar,s|" +
    "TZS,,,,Tanzanian shilling,s|UAH,,₴,,Ukrainian hryvnia,s|UGX,,,0,Ugandan shilling,s|" +
    "USD,$,=,,US dollar,s|UYU,,$,,Uruguayan peso,s|UZS,,,,Uzbekistani som,|VES,,,,Venezuelan bolívar,s|" +
    "VND,₫,=,0,Vietnamese dong,|VUV,,,0,Vanuatu vatu,s|WST,,,,Samoan tala,|" +
    "XAF,FCFA,=,0,Central African CFA franc,s|XCD,EC$,$,,East Caribbean dollar,s|" +
    "XCG,Cg.,=,,Caribbean guilder,s|XDR,,,,special drawing rights,|XOF,F CFA,=,0,West African CFA franc,s|" +
    "XPF,CFPF,=,0,CFP franc,s|XSU,,,,Sucre,s|YER,,,0,Yemeni rial,s|ZAR,,R,,South African rand,|" +
    "ZMW,,ZK,,Zambian kwacha,s|ZWG,,,,Zimbabwean gold,";

  // Short, narrow and long, each for one and for many ("s": with an s, "": the same).
  const UNITS =
    "acre,# ac,,#ac,,# acre,s|bit,# bit,,#bit,,# bit,s|byte,# byte,,#B,,# byte,s|" +
    "celsius,#°C,,#°C,,# degree Celsius,# degrees Celsius|centimeter,# cm,,#cm,,# centimeter,s|" +
    "day,# day,s,#d,,# day,s|degree,# deg,,#°,,# degree,s|" +
    "fahrenheit,#°F,,#°,,# degree Fahrenheit,# degrees Fahrenheit|" +
    "fluid-ounce,# fl oz,,#fl oz,,# fluid ounce,s|foot,# ft,,#′,,# foot,# feet|" +
    "gallon,# gal,,#gal,,# gallon,s|gigabit,# Gb,,#Gb,,# gigabit,s|gigabyte,# GB,,#GB,,# gigabyte,s|" +
    "gram,# g,,#g,,# gram,s|hectare,# ha,,#ha,,# hectare,s|hour,# hr,,#h,,# hour,s|" +
    "inch,# in,,#″,,# inch,# inches|kilobit,# kb,,#kb,,# kilobit,s|kilobyte,# kB,,#kB,,# kilobyte,s|" +
    "kilogram,# kg,,#kg,,# kilogram,s|kilometer,# km,,#km,,# kilometer,s|liter,# L,,#L,,# liter,s|" +
    "megabit,# Mb,,#Mb,,# megabit,s|megabyte,# MB,,#MB,,# megabyte,s|meter,# m,,#m,,# meter,s|" +
    "microsecond,# μs,,#μs,,# microsecond,s|mile,# mi,,#mi,,# mile,s|" +
    "mile-scandinavian,# smi,,#smi,,# mile-scandinavian,# miles-scandinavian|" +
    "milliliter,# mL,,#mL,,# milliliter,s|millimeter,# mm,,#mm,,# millimeter,s|" +
    "millisecond,# ms,,#ms,,# millisecond,s|minute,# min,,#m,,# minute,s|month,# mth,s,#m,,# month,s|" +
    "nanosecond,# ns,,#ns,,# nanosecond,s|ounce,# oz,,#oz,,# ounce,s|percent,#%,,#%,,# percent,|" +
    "petabyte,# PB,,#PB,,# petabyte,s|pound,# lb,,##,,# pound,s|second,# sec,,#s,,# second,s|" +
    "stone,# st,,#st,,# stone,s|terabit,# Tb,,#Tb,,# terabit,s|terabyte,# TB,,#TB,,# terabyte,s|" +
    "week,# wk,s,#w,,# week,s|yard,# yd,,#yd,,# yard,s|year,# yr,s,#y,,# year,s|" +
    "mile-per-gallon,# mpg,,#mpg,,# mile per gallon,# miles per gallon|" +
    "mile-per-hour,# mph,,#mph,,# mile per hour,# miles per hour";

  // What follows a unit "per" these, where it is not the slash and the sign, or "per" and the name.
  const PER =
    "day,/d,/d, per day|foot,/ft,/ft, per foot|gallon,/gal US,/gal, per gallon|hour,/h,/h, per hour|" +
    "inch,/in,/in, per inch|minute,/min,/min, per minute|month,/m,/m, per month|pound,/lb,/lb, per pound|" +
    "second,/s,/s, per second|week,/w,/w, per week|year,/y,/y, per year";

  const table = (text) => {
    const rows = { __proto__: null };
    for (const row of text.split("|")) {
      const [key, ...cells] = row.split(",");
      rows[key] = cells;
    }
    return rows;
  };

  const plural = (one, many) => (many === "" ? one : many === "s" ? one + "s" : many);

  const currencies = table(CURRENCIES);
  const units = table(UNITS);
  const per = table(PER);

  const currency = (code) => {
    const [sign, narrow, digits, one, many] = currencies[code] ?? ["", "", "", "", ""];
    const name = one || code;
    return {
      sign: sign || code,
      narrow: (narrow === "=" ? sign : narrow) || code,
      digits: digits === "" ? 2 : +digits,
      one: name,
      many: plural(name, many),
    };
  };

  // Two patterns with "#" for the number, for one and for many; nothing for what is no unit.
  const unit = (name, display) => {
    const column = display === "short" ? 0 : display === "narrow" ? 1 : 2;
    const known = units[name];
    if (known !== undefined) {
      const one = known[2 * column];
      return [one, plural(one, known[2 * column + 1])];
    }
    const [over, under] = name.split("-per-");
    if (under === undefined || units[over] === undefined || units[under] === undefined) return undefined;
    const of = units[under][2 * column].replace("#", "").trim();
    const end = per[under]?.[column] ?? (column === 2 ? ` per ${of}` : `/${of}`);
    return unit(over, display).map((pattern) => pattern + end);
  };

  return { __proto__: null, currency, unit };
});
